package chaos

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/secret"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/fault"
	"holdfast/appliance/sim/xclarity"
)

const gigabyte = 1_000_000_000

func (w *world) path() string { return filepath.Join(w.state, "journal.db") }

// sources are the appliances that backups are taken from.
func (f *fleetOps) sources() []*sim.Appliance {
	return slices.DeleteFunc(f.fleet.Appliances(), func(a *sim.Appliance) bool { return a.Name == "fresh" })
}

// stock puts backups on the appliances: enough that each is in one migration only.
func (f *fleetOps) stock(each int) {
	f.unused, f.remote = map[string][]string{}, map[string][]string{}
	for _, a := range f.sources() {
		for n := range each {
			b := xclarity.Backup{Label: fmt.Sprintf("nightly-%d", n), Size: gigabyte, Locations: []string{xclarity.Internal}}
			if n%6 == 0 {
				b.Locations = []string{xclarity.DefaultShare}
			}
			id := a.LXCA.AddBackup(b)
			if n%6 == 0 {
				f.remote[a.Name] = append(f.remote[a.Name], id)
			} else {
				f.unused[a.Name] = append(f.unused[a.Name], id)
			}
		}
	}
}

// plan is a random one; ok is false when no backups are left for it.
func (f *fleetOps) plan(p *process) (plan migration.Plan, ok bool) {
	verb := []appliance.Verb{appliance.VerbCopy, appliance.VerbMove, appliance.VerbMove, appliance.VerbPush}[f.rng.IntN(4)]
	plan = migration.NewPlan(verb, xclarity.DefaultShare)
	from := f.unused
	switch {
	case verb == appliance.VerbPush:
		target := f.fleet.Appliance("fresh")
		plan.Destination, plan.Target, plan.Process = target.Address, target.Name, f.rng.IntN(4) == 0
	case verb == appliance.VerbMove:
		plan.Careful = f.rng.IntN(2) == 0
	case f.rng.IntN(3) == 0:
		plan.Destination, from = xclarity.Internal, f.remote
	}
	if verb != appliance.VerbPush {
		plan.AtOnce = 1 + f.rng.IntN(3)
	}
	plan.OnFailure = []migration.OnFailure{migration.OnFailureStop, migration.OnFailureSkip, migration.OnFailureAsk}[f.rng.IntN(3)]
	if f.locks && f.rng.IntN(3) == 0 {
		plan.KeepLock = xclarity.Components[0]
	}
	for range 1 + f.rng.IntN(3) {
		a := f.sources()[f.rng.IntN(3)]
		if len(from[a.Name]) == 0 {
			continue
		}
		id := appliance.BackupID(from[a.Name][0])
		s := p.engine.Snapshot(a.Name)
		at := slices.IndexFunc(s.Backups, func(b fleet.Backup) bool { return b.ID == id })
		if at < 0 {
			continue
		}
		from[a.Name] = from[a.Name][1:]
		b := s.Backups[at]
		plan.Items = append(plan.Items, migration.Item{Appliance: a.Name, Backup: id, Label: b.Label, Checksum: b.Checksum, Size: b.Size})
	}
	return plan, len(plan.Items) > 0
}

// begin has an operator begin a migration.
func (f *fleetOps) begin() {
	p := f.main
	if f.second != nil && f.rng.IntN(3) == 0 {
		p = f.second
	}
	if p == nil || p.dead.Load() {
		return
	}
	plan, ok := f.plan(p)
	if !ok {
		return
	}
	s := &session{id: fmt.Sprintf("m%d", len(f.sessions)+1), plan: plan, tries: slices.Repeat([]int{1}, len(plan.Items))}
	f.sessions = append(f.sessions, s)
	p.nextID = s.id
	_, err := p.runner.Begin(context.Background(), otto, plan)
	s.begun = err == nil
	f.story.add("", "%s begins %s on %s: %s: %v", otto.Name, s.id, p.id, plan.Words(), err)
	for n, it := range plan.Items {
		f.story.add(it.Appliance, "%s/%d is %s (%s)", s.id, n+1, it.Backup, it.Label)
	}
}

// order is something that an operator has a migration do.
func (f *fleetOps) order(s *session) {
	p, v := f.of(s)
	if p == nil || v.State.Ended() {
		return
	}
	n := f.rng.IntN(len(v.Steps))
	var err error
	var what string
	switch k := f.rng.IntN(40); {
	case v.State != migration.StateRunning && k < 20:
		what, err = "resume", p.runner.Resume(otto, s.id)
	case v.Steps[n].Phase == migration.PhasePassphrase:
		f.give(p, s, n, k > 10)
		return
	case v.Steps[n].Phase.Wrong() && k < 30:
		f.retry(p, s, n)
		return
	case k == 0:
		what, err = "cancel", p.runner.Cancel(otto, s.id)
	case k == 1:
		what, err = fmt.Sprintf("skip %d", n+1), p.runner.Skip(otto, s.id, n)
	case k < 4:
		what, err = "pause", p.runner.Pause(otto, s.id)
	case k < 6:
		what, err = fmt.Sprintf("put off %d", n+1), p.runner.Reorder(otto, s.id, n, f.rng.IntN(3)-1)
	default:
		return
	}
	f.story.add("", "%s: %s (%s): %v", s.id, what, v.Tally(), err)
}

func (f *fleetOps) retry(p *process, s *session, n int) {
	s.tries[n]++
	err := p.runner.Retry(otto, s.id, n)
	f.story.add("", "%s: retry %d: %v", s.id, n+1, err)
}

func (f *fleetOps) give(p *process, s *session, n int, right bool) {
	text := xclarity.DefaultPassphrase
	if !right {
		text = "wrong"
	}
	s.phrases++
	err := p.runner.Passphrase(otto, s.id, n, secret.New(text))
	f.story.add("", "%s: a passphrase for %d, right: %v: %v", s.id, n+1, right, err)
}

// succession has engines end and others begin.
func (f *fleetOps) succession() {
	switch n := f.rng.IntN(8); {
	case n < 1:
		f.quit(&f.main)
	case n < 4 && f.main != nil:
		f.crash(f.main)
	case n < 6 && f.second == nil:
		f.second = f.start(false, true, "")
	case f.second != nil && n < 7:
		f.crash(f.second)
	case f.second != nil:
		f.quit(&f.second)
	}
}

// mend has everything of an appliance be as it should be.
func (f *fleetOps) mend(a *sim.Appliance) {
	a.LXCA.SetMounted(xclarity.DefaultShare, true)
	a.LXCA.SetCapacity(xclarity.DefaultShare, 1000*gigabyte)
	a.LXCA.SetCapacity(xclarity.Internal, 1000*gigabyte)
}

// mishap is something that goes wrong at an appliance, on our disk, or that somebody else does.
func (f *fleetOps) mishap() {
	all := f.fleet.Appliances()
	a := all[f.rng.IntN(len(all))]
	lasts := time.Duration(5+f.rng.IntN(40)) * time.Second
	once := fault.Rule{On: a.Name, Times: 1, For: lasts, How: []string{fault.Refused, fault.Unavailable, fault.Hang}[f.rng.IntN(3)]}
	switch n := f.rng.IntN(20); {
	case n < 3:
		once.Kind = fault.Restart
	case n < 5:
		once.Kind = fault.Outage
	case n < 6:
		f.must(fault.Rule{Kind: fault.Mix, P: 0.9, Seed: f.rng.Uint64(), On: a.Name, Until: lasts})
		return
	case n < 8:
		f.story.add(a.Name, "its share is away for %s", lasts)
		a.LXCA.SetMounted(xclarity.DefaultShare, false)
		f.later(lasts, func() { a.LXCA.SetMounted(xclarity.DefaultShare, true) })
		return
	case n < 9:
		f.story.add(a.Name, "it has no room for %s", lasts)
		a.LXCA.SetCapacity(xclarity.DefaultShare, 1)
		a.LXCA.SetCapacity(xclarity.Internal, 1)
		f.later(lasts, func() { f.mend(a) })
		return
	case n < 13:
		f.meddle()
		return
	case n < 15:
		f.foreignPush(a)
		return
	case n < 18:
		f.onJobs(a)
		return
	default:
		if p := f.main; p != nil && !p.dead.Load() {
			f.story.add("", "the disk of %s is full for %s", p.id, lasts)
			f.check.unwritable(p.id, lasts)
			p.full.Store(true)
			f.later(lasts, func() { p.full.Store(false) })
		}
		return
	}
	f.story.add(a.Name, "mishap: %s", fmt.Sprint(once))
	f.must(once)
}

// meddle is somebody else who removes or replaces a backup that a migration is about.
func (f *fleetOps) meddle() {
	if len(f.sessions) == 0 {
		return
	}
	s := f.sessions[len(f.sessions)-1]
	it := s.plan.Items[f.rng.IntN(len(s.plan.Items))]
	a := f.fleet.Appliance(it.Appliance)
	where := []string{xclarity.Internal, xclarity.DefaultShare, "all"}[f.rng.IntN(3)]
	for _, b := range a.LXCA.Backups() {
		if b.UUID != string(it.Backup) {
			continue
		}
		f.check.meddles(a.Name, b.UUID)
		done := a.LXCA.RemoveBackup(b.UUID, where)
		if done && where == "all" && f.rng.IntN(2) == 0 {
			b.Checksum = "another"
			a.LXCA.AddBackup(b)
		}
		f.story.add(a.Name, "somebody removes %s from %s (checksum now %s): %v", b.UUID, where, b.Checksum, done)
	}
}

// foreignPush is somebody else's, of a backup of his own.
func (f *fleetOps) foreignPush(a *sim.Appliance) {
	if a.Name == "fresh" {
		return
	}
	id := a.LXCA.AddBackup(xclarity.Backup{Label: rivalLabel, Size: gigabyte})
	to := f.freshAddressOr("198.18.9.9")
	job, err := a.LXCA.StartTransfer(xclarity.Transfer{Operation: "push", UUID: id, Destination: to, User: "admin"})
	f.story.add(a.Name, "rival starts a push of %s to %s: %s %v", id, to, job, err)
}

func (f *fleetOps) freshAddressOr(other string) string {
	if f.rng.IntN(3) == 0 {
		return other
	}
	return f.fleet.Appliance("fresh").Address
}

// onJobs is somebody else who cancels a job of ours, or removes one that has ended from the list.
func (f *fleetOps) onJobs(a *sim.Appliance) {
	jobs := a.LXCA.Jobs()
	if len(jobs) == 0 {
		return
	}
	j := jobs[len(jobs)-1]
	if j.State == "Running" && f.rng.IntN(2) == 0 {
		f.rivalRequest(a, "PUT", "/tasks", fmt.Sprintf(`{"action":"cancel","list":["%s"]}`, j.ID))
		return
	}
	f.rivalRequest(a, "DELETE", "/tasks/"+j.ID, "")
}
