package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

var verbs = []appliance.Verb{
	appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease, appliance.VerbKeep, appliance.VerbUnkeep,
	appliance.VerbResume, appliance.VerbWait, appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush, appliance.VerbCancelPush, appliance.VerbCancelJob,
	appliance.VerbCreate, appliance.VerbDelete, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore,
	appliance.VerbVerify, appliance.VerbSave, appliance.VerbActivate,
}

// admins are the verbs that take an admin (design.md 1).
var admins = []appliance.Verb{appliance.VerbDelete, appliance.VerbRestore, appliance.VerbSave, appliance.VerbActivate}

// may is who may act where nothing is read-only; a role that is none of ours may not.
var may = map[policy.Role]bool{
	policy.Viewer: false, policy.Operator: true, policy.Admin: true, policy.Admin + 1: false, -1: false, 99: false,
}

var strangers = []appliance.Verb{"", "Acquire", "acquire ", "Delete", "restore ", "cancel", "\x1b[31m"}

func TestWhyNotMatrix(t *testing.T) {
	for role, acts := range may {
		for _, verb := range verbs {
			allowed := acts && (role == policy.Admin || !slices.Contains(admins, verb))
			for _, run := range []bool{false, true} {
				for _, here := range []bool{false, true} {
					why := policy.WhyNot(policy.Person{Name: "maria", Role: role}, policy.Rules{ReadOnlyRun: run, ReadOnlyAppliance: here}, verb)
					name := fmt.Sprintf("%s, %s, run read-only %v, appliance read-only %v: %q", role, verb, run, here, why)
					if (why == "") != (allowed && !run && !here) {
						t.Error(name)
					}
					switch { // the reason is the one that the person can do least about
					case run && !strings.Contains(why, "--read-only"):
						t.Error(name)
					case !run && here && !strings.Contains(why, "this appliance"):
						t.Error(name)
					case !run && !here && !allowed && !strings.Contains(why, role.String()):
						t.Error(name)
					}
				}
			}
		}
	}
}

func TestUnknownVerbIsDenied(t *testing.T) {
	for role := range may {
		for _, verb := range strangers {
			why := policy.WhyNot(policy.Person{Role: role}, policy.Rules{}, verb)
			if !strings.Contains(why, "no such action") || strings.Contains(why, "\x1b") {
				t.Errorf("%s, %q: %q", role, verb, why)
			}
			for _, ours := range []bool{false, true} {
				if got := policy.RiskOf(verb, ours); got != policy.RiskCode {
					t.Errorf("risk of %q is %d", verb, got)
				}
			}
		}
	}
}

func TestNobodyMayLookOnlyByDefault(t *testing.T) {
	var nobody policy.Person
	if nobody.Role != policy.Viewer || policy.WhyNot(nobody, policy.Rules{}, appliance.VerbCopy) == "" {
		t.Error("a person of whom nothing is known may act")
	}
}

func TestRisk(t *testing.T) {
	cases := []struct {
		verb          appliance.Verb
		ours, foreign policy.Risk
	}{
		{appliance.VerbAcquire, policy.RiskNone, policy.RiskNone},
		{appliance.VerbExtend, policy.RiskNone, policy.RiskNone},
		{appliance.VerbRelease, policy.RiskAsk, policy.RiskCode},
		{appliance.VerbKeep, policy.RiskNone, policy.RiskNone},
		{appliance.VerbUnkeep, policy.RiskNone, policy.RiskNone},
		{appliance.VerbResume, policy.RiskNone, policy.RiskNone},
		{appliance.VerbWait, policy.RiskNone, policy.RiskNone},
		{appliance.VerbCopy, policy.RiskAsk, policy.RiskAsk},
		{appliance.VerbMove, policy.RiskCode, policy.RiskCode},
		{appliance.VerbPush, policy.RiskCode, policy.RiskCode},
		{appliance.VerbCancelPush, policy.RiskAsk, policy.RiskCode},
		{appliance.VerbCancelJob, policy.RiskAsk, policy.RiskCode},
		{appliance.VerbCreate, policy.RiskAsk, policy.RiskAsk},
		{appliance.VerbDelete, policy.RiskCode, policy.RiskCode},
		{appliance.VerbProcess, policy.RiskAsk, policy.RiskAsk},
		{appliance.VerbPrepare, policy.RiskAsk, policy.RiskAsk},
		{appliance.VerbRestore, policy.RiskCode, policy.RiskCode},
		{appliance.VerbVerify, policy.RiskNone, policy.RiskNone},
		{appliance.VerbSave, policy.RiskCode, policy.RiskCode},
		{appliance.VerbActivate, policy.RiskCode, policy.RiskCode},
	}
	if len(cases) != len(verbs) {
		t.Errorf("%d of %d verbs", len(cases), len(verbs))
	}
	for _, c := range cases {
		if got := policy.RiskOf(c.verb, true); got != c.ours {
			t.Errorf("risk of %s, ours: %d, want %d", c.verb, got, c.ours)
		}
		if got := policy.RiskOf(c.verb, false); got != c.foreign {
			t.Errorf("risk of %s, not ours: %d, want %d", c.verb, got, c.foreign)
		}
	}
}

func TestRoleWords(t *testing.T) {
	for _, role := range []policy.Role{policy.Viewer, policy.Operator, policy.Admin} {
		if got, err := policy.ParseRole(role.String()); err != nil || got != role {
			t.Errorf("%q reads back as %v, %v", role, got, err)
		}
	}
	for _, s := range []string{"", "Admin", " admin", "root", "unknown role", "2"} {
		got, err := policy.ParseRole(s)
		if err == nil || got != policy.Viewer {
			t.Errorf("%q is %v, %v", s, got, err)
		} else if !strings.Contains(err.Error(), "viewer, operator or admin") {
			t.Errorf("the error does not say what is right: %v", err)
		}
	}
}
