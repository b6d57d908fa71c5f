// Package policy decides whether something may be done and, if not, why. It is asked at dispatch, by the engine and, for
// read-only, by the transport.
package policy

import (
	"fmt"

	"holdfast/appliance"
)

// Role is what a person may do.
type Role int

// Roles, each with all that the one before may. The zero value may only look.
const (
	Viewer   Role = iota // looks
	Operator             // acts
	Admin                // also re-trusts keys, deletes backups, restores, saves and activates
)

// String is the role's word.
func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	case Admin:
		return "admin"
	default:
		return "unknown role"
	}
}

// ParseRole reads a role's word.
func ParseRole(s string) (Role, error) {
	for _, r := range []Role{Viewer, Operator, Admin} {
		if s == r.String() {
			return r, nil
		}
	}
	return Viewer, fmt.Errorf("unknown role %q: use viewer, operator or admin", s)
}

// Person is who acts.
type Person struct {
	Name string
	Role Role
}

// Rules are the limits of a run and of an appliance, beside the person's role.
type Rules struct {
	ReadOnlyRun       bool // --read-only
	ReadOnlyAppliance bool // read_only in the configuration
}

// WhyNot is why the person may not do this here; empty = may.
func WhyNot(p Person, rules Rules, verb appliance.Verb) string {
	switch {
	case !known(verb):
		return fmt.Sprintf("nobody may %q: no such action", verb)
	case rules.ReadOnlyRun:
		return "this run is read-only (--read-only, or read_only in the configuration)"
	case rules.ReadOnlyAppliance:
		return "this appliance is read-only in the configuration"
	case p.Role != Operator && p.Role != Admin:
		return "your role is " + p.Role.String() + ", which may only look"
	case p.Role != Admin && adminOnly(verb):
		return "your role is " + p.Role.String() + "; to " + string(verb) + " takes an admin"
	}
	return ""
}

// adminOnly tells the verbs of which one may cost a backup or a running configuration.
func adminOnly(verb appliance.Verb) bool {
	switch verb {
	case appliance.VerbDelete, appliance.VerbRestore, appliance.VerbSave, appliance.VerbActivate:
		return true
	}
	return false
}

func known(verb appliance.Verb) bool {
	switch verb {
	case appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease, appliance.VerbProve, appliance.VerbKeep, appliance.VerbUnkeep,
		appliance.VerbResume, appliance.VerbWait, appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush, appliance.VerbCancelPush,
		appliance.VerbCancelJob, appliance.VerbCreate, appliance.VerbDelete, appliance.VerbProcess, appliance.VerbPrepare,
		appliance.VerbRestore, appliance.VerbVerify, appliance.VerbSave, appliance.VerbActivate:
		return true
	}
	return false
}

// Risk is how much a person must do to confirm an act.
type Risk int

// Risks.
const (
	RiskNone Risk = iota // done at once
	RiskAsk              // a yes
	RiskCode             // the four-character code that the dialog shows: it cannot be undone
)

// RiskOf tells the risk of a verb. ours tells that what it is about (the lock, the job, the running push) is provably ours.
func RiskOf(verb appliance.Verb, ours bool) Risk {
	switch verb {
	case appliance.VerbMove, appliance.VerbPush, appliance.VerbDelete, appliance.VerbRestore, appliance.VerbSave,
		appliance.VerbActivate:
		return RiskCode
	case appliance.VerbCancelPush, appliance.VerbCancelJob, appliance.VerbRelease:
		if !ours {
			return RiskCode
		}
		return RiskAsk
	case appliance.VerbCopy, appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare:
		return RiskAsk
	case appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbProve, appliance.VerbKeep, appliance.VerbUnkeep, appliance.VerbResume,
		appliance.VerbWait, appliance.VerbVerify: // a verification changes nothing
		return RiskNone
	default: // nothing is known of it
		return RiskCode
	}
}
