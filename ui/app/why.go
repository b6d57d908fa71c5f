package app

import (
	"holdfast/appliance"
	"holdfast/ui/keymap"
)

// whyNot is why a key cannot do its work now; empty = it can. It is asked for every key on the bottom line at every
// drawing, so it must be cheap; the engine decides again when the act is carried out.
func (m *Model) whyNot(a keymap.Action) string {
	verb := m.opts.Keys.Of(a).Verb
	switch a {
	case keymap.Acquire:
		if m.at() == "" {
			return "choose an appliance in pane 1"
		}
		return m.engine.WhyNot(m.opts.Person, m.at(), appliance.Act{Verb: verb})
	case keymap.Extend, keymap.Release:
		return m.whyNotLock(verb)
	case keymap.Keep:
		if r, ok := m.lockRow(); ok && r.Kept {
			return m.whyNotLock(appliance.VerbUnkeep)
		}
		return m.whyNotLock(verb)
	case keymap.Wait:
		return m.whyNotWait()
	case keymap.Ack:
		if r, ok := m.lockRow(); !ok || r.Lost == nil {
			return "choose a lost lock in pane 2"
		}
	case keymap.Copy, keymap.Move, keymap.Push:
		return m.whyNotBackup(verb)
	case keymap.Create, keymap.Delete, keymap.More:
		return m.whyNotMore(a)
	case keymap.Cancel:
		return m.whyNotCancel()
	case keymap.All, keymap.Group, keymap.Differ, keymap.Parts, keymap.Finished:
		return m.whyNotBrowse(a)
	case keymap.Longer, keymap.Shorter:
		if !m.shown(paneTimeline) {
			return "open the timeline first, pane 7"
		}
	case keymap.Detail, keymap.Mark:
		if m.panes[m.focus].Key() == "" {
			return "there is no row here"
		}
	}
	return ""
}

func (m *Model) whyNotLock(verb appliance.Verb) string {
	if m.focus != paneLocks {
		return "choose a lock in pane 2"
	}
	r, ok := m.locks.Row()
	switch {
	case !ok:
		return "there is no lock"
	case r.Lost != nil:
		return "it is lost; " + m.opts.Keys.Of(keymap.Ack).Key(m.opts.ASCII) + " takes it off the screen"
	case r.Doubt != nil:
		return "whether it was granted is not known yet; it is being looked for"
	}
	return m.engine.WhyNot(m.opts.Person, r.Lock.Appliance, appliance.Act{Verb: verb, Lock: r.Lock.Lock})
}

func (m *Model) whyNotBackup(verb appliance.Verb) string {
	if m.focus != paneBackups {
		return "choose a backup in pane 3"
	}
	b, ok := m.backups.Row()
	if !ok {
		return "there is no backup"
	}
	if verb == appliance.VerbPush && m.backups.Marks() > 1 {
		return "an appliance runs one push at a time: mark one backup"
	}
	if m.backups.Several() {
		return "the marked backups are of several appliances: mark those of one, or plan a migration with " +
			m.opts.Keys.Of(keymap.Migrate).Key(m.opts.ASCII)
	}
	t := appliance.Transfer{Verb: verb, Backup: b.ID, Checksum: b.Checksum}
	return m.engine.WhyNot(m.opts.Person, b.Appliance, appliance.Act{Verb: verb, Transfer: t})
}

func (m *Model) whyNotCancel() string {
	if m.waited() != "" {
		return ""
	}
	if m.focus != paneJobs {
		return "choose a job in pane 4"
	}
	r, ok := m.jobs.Row()
	switch {
	case !ok:
		return "there is no job"
	case r.Root != nil:
		return "this is a part of job " + string(r.Root.ID) + ": go to the job itself"
	case r.Phase.Ended():
		return "the job has ended"
	}
	return m.engine.WhyNot(m.opts.Person, r.Job.Appliance, appliance.Act{Verb: appliance.VerbCancelJob, Job: r.ID})
}
