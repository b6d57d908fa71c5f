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
