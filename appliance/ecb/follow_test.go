package ecb

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// look is one answer of asyncstatus: an operation and its status, or nothing.
func look(said string) operation {
	name, status, told := strings.Cut(said, " ")
	if !told {
		return operation{none: true}
	}
	return operation{title: appliance.Label(name), state: appliance.Label(status), phase: phaseOf(status)}
}

// What is concluded from one look after the other. An end counts when ours was seen under way or two looks tell the same.
func TestFollow(t *testing.T) {
	words := map[appliance.Phase]string{
		appliance.PhasePending: "pending", appliance.PhaseRunning: "running", appliance.PhaseUnknown: "unknown",
		appliance.PhaseSucceeded: "done", appliance.PhaseProblem: "failed",
	}
	for looks, want := range map[string]string{
		"save inProgress, save success":                            "running done",
		"save inProgress, save inProgress, save fail":              "running running failed",
		"save success, save success":                               "pending done",
		"save fail, save fail":                                     "pending failed",
		"save success, save inProgress, save fail":                 "pending running failed",
		"save fail, save success, save success":                    "pending pending done",
		"SAVE success, save success":                               "pending done",
		"verify success, save inProgress, save success":            "pending running done",
		"verify success, verify success":                           "pending lost",
		"verify success, activate success, save inProgress":        "pending pending running",
		"verify inProgress, verify inProgress":                     "pending lost",
		"verify inProgress, verify success, verify success":        "pending pending lost",
		"save inProgress, verify inProgress":                       "running lost",
		"save inProgress, nothing":                                 "running lost",
		"nothing, nothing":                                         "pending lost",
		"nothing, save inProgress, save success":                   "pending running done",
		"save odd, save odd, save odd":                             "unknown unknown unknown",
		"save odd, save success, save success":                     "unknown pending done",
		"save inProgress, save odd, save inProgress, save success": "running unknown running done",
	} {
		o := appliance.Operation{Verb: appliance.VerbSave}
		var got []string
		for said := range strings.SplitSeq(looks, ", ") {
			if o.Over() {
				t.Errorf("%s: over before %s", looks, said)
			}
			o = follow(o, "save", look(said))
			word := words[o.Phase]
			if o.Lost {
				word = "lost"
				if o.Phase != appliance.PhaseUnknown {
					t.Errorf("%s: lost, and the phase is %d", looks, o.Phase)
				}
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", looks, got, want)
		}
		if ends := o.Lost || o.Phase.Ended(); o.Over() != ends {
			t.Errorf("%s: over %v", looks, o.Over())
		}
	}
}

// Against the appliance: an end that is seen, one that another operation hides, a failure in its words, and what is shown late.
func TestFollowTheAppliance(t *testing.T) {
	b := newBench(t)
	b.acquire()
	save := func() {
		t.Helper()
		if _, err := b.SaveConfig(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	save()
	if o := b.through(appliance.VerbSave); o.Phase != appliance.PhaseSucceeded || o.State.String() != "success" || o.Stamp.Sent.IsZero() {
		t.Errorf("%+v", o)
	}
	save()
	o, err := b.Follow(t.Context(), appliance.Operation{Verb: appliance.VerbSave})
	if err != nil || !o.Seen || o.Over() {
		t.Errorf("%+v, %v", o, err)
	}
	if err := b.sim.StartAsync("backup", "night-shift"); err != nil {
		t.Fatal(err)
	}
	if o, err = b.Follow(t.Context(), o); err != nil || !o.Lost || o.Phase != appliance.PhaseUnknown || o.Other.String() != "backup" {
		t.Errorf("hidden by another: %+v, %v", o, err)
	}
	mark := b.mark()
	if again, err := b.Follow(t.Context(), o); err != nil || fmt.Sprint(again) != fmt.Sprint(o) {
		t.Errorf("followed on: %+v, %v", again, err)
	}
	b.sent(mark)
	b.hands.advance(time.Minute)
	b.set("save-verifies", "yes")
	b.edit() // a destination goes
	save()
	if o := b.through(appliance.VerbSave); o.Phase != appliance.PhaseProblem || len(o.Told) == 0 ||
		!strings.Contains(o.Told[0].String(), "destination b.example.net is not configured") {
		t.Errorf("failed: %+v", o)
	}
	b.set("async-begins", "second-look") // at first the failure of before is shown
	b.set("save-verifies", "no")
	save()
	if o := b.through(appliance.VerbSave); o.Phase != appliance.PhaseSucceeded {
		t.Errorf("shown late: %+v", o)
	}
	b.between(on(resAsync, page(503, mediaXML, "")))
	asked := appliance.Operation{Verb: appliance.VerbSave, Seen: true, Phase: appliance.PhaseRunning}
	if o, err := b.Follow(t.Context(), asked); !errors.Is(err, appliance.ErrBusy) || fmt.Sprint(o) != fmt.Sprint(asked) {
		t.Errorf("a look that failed: %+v, %v", o, err)
	}
	b.between(on(resAsync, page(404, mediaXML, "")))
	if o, err := b.Follow(t.Context(), asked); err != nil || !o.Lost {
		t.Errorf("told of no more: %+v, %v", o, err)
	}
	if _, err := b.Follow(t.Context(), appliance.Operation{Verb: appliance.VerbPush}); !errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("a push: %v", err)
	}
}
