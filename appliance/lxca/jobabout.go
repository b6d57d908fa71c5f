package lxca

import (
	"strings"

	"holdfast/appliance"
)

// Attributes that may say what a job does. None is documented for /tasks but category, on /jobs (api/lxca.md 4.1, 4.4).
var verbKeys = []string{"operation", "action", "jobType", "category"}

// jobVerb is what a job does, where an attribute says exactly that and no other contradicts. A title is text for people, in
// whatever language, and is not looked at (api/lxca.md 6 #9).
func jobVerb(v value) appliance.Verb {
	var told appliance.Verb
	for _, key := range verbKeys {
		verb := appliance.Verb(strings.ToLower(v.get(key).word()))
		switch {
		case verb != appliance.VerbCopy && verb != appliance.VerbMove && verb != appliance.VerbPush:
		case told != "" && told != verb:
			return ""
		default:
			told = verb
		}
	}
	return told
}

// jobBackup is the backup that a job is about: the only uuid among its targets, else among its arguments, else among its
// other attributes, the job's own id and its parts excepted. Where there are several, none is it.
func jobBackup(v value) appliance.BackupID {
	var f uuids
	for _, key := range []string{"targets", "target"} {
		f.add(v.get(key))
	}
	if len(f) == 0 {
		f.add(v.get("args", "messageParameters"))
	}
	if len(f) == 0 {
		f.add(v)
	}
	if len(f) == 1 {
		return f[0]
	}
	return ""
}

// uuids are the different uuids that were found, two at most: more tell no more than two.
type uuids []appliance.BackupID

// add looks through v.
func (f *uuids) add(v value) {
	if v.kind == text {
		if id, ok := appliance.ParseUUID(v.word()); ok && len(*f) < 2 {
			*f = appendNew(*f, id)
		}
		return
	}
	for _, k := range v.kids {
		if !isKey(childKeys, k.key) && !isKey(jobKeys, k.key) {
			f.add(k.value)
		}
	}
}
