package fleet

import (
	"fmt"

	"holdfast/appliance"
)

// told is what the appliance said along with a success, as the end of a sentence.
func told(list []appliance.Message) string {
	text := ""
	for _, m := range list {
		if s := m.String(); s != "" {
			text += "; it says: " + s
		}
	}
	return text
}

// describe is an act in words, as events and errors begin.
func (e *Engine) describe(act appliance.Act) string {
	switch act.Verb {
	case appliance.VerbAcquire:
		return fmt.Sprintf("acquire %s%s", appliance.Label(act.Claim.Scope), lasting(act.Claim.TTL))
	case appliance.VerbExtend, appliance.VerbRelease, appliance.VerbKeep, appliance.VerbUnkeep, appliance.VerbProve,
		appliance.VerbResume:
		return fmt.Sprintf("%s %s", act.Verb, name(act.Lock))
	case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush, appliance.VerbDelete:
		return e.transferWords(act.Transfer)
	case appliance.VerbCreate, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore, appliance.VerbVerify,
		appliance.VerbSave, appliance.VerbActivate:
		if act.Restore.From != "" {
			return fmt.Sprintf("restore of the %s configuration", act.Restore.From)
		}
		return e.transferWords(act.Transfer)
	case appliance.VerbCancelJob:
		return "cancel job " + appliance.Label(string(act.Job)).String()
	default:
		return string(act.Verb)
	}
}

// transferWords is a transfer in words: copy of NAME to PLACE.
func (e *Engine) transferWords(t appliance.Transfer) string {
	label := t.Label.String()
	if label == "" {
		label = short(string(t.Backup))
	}
	switch t.Verb {
	case appliance.VerbCreate:
		return fmt.Sprintf("making of backup %s", label)
	case appliance.VerbProcess:
		return "processing of the package that came in last"
	case appliance.VerbPrepare:
		return fmt.Sprintf("preparation of %s for a restore", label)
	case appliance.VerbRestore:
		return fmt.Sprintf("restore of %s", label)
	case appliance.VerbVerify:
		return "verification of the configuration"
	case appliance.VerbSave:
		return "saving of the configuration"
	case appliance.VerbActivate:
		return "activation of the configuration"
	}
	if t.Verb == appliance.VerbDelete {
		if t.Destination == string(appliance.Everywhere) {
			return fmt.Sprintf("removal of %s from every place", label)
		}
		return fmt.Sprintf("removal of %s from %s", label, e.place(t))
	}
	return fmt.Sprintf("%s of %s to %s", t.Verb, label, e.place(t))
}

// place is where a transfer goes, by name where a push goes to one of ours.
func (e *Engine) place(t appliance.Transfer) string {
	place := appliance.Label(t.Destination).String()
	if target := e.target(t); t.Verb == appliance.VerbPush && target != nil {
		return fmt.Sprintf("%s (%s)", target.name, place)
	}
	return place
}
