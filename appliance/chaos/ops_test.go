package chaos

import (
	"context"
	"fmt"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/sim/xclarity"
)

var (
	maria = policy.Person{Name: "maria", Role: policy.Operator}
	otto  = policy.Person{Name: "otto", Role: policy.Admin}
	guest = policy.Person{Name: "guest", Role: policy.Viewer}
)

// operate is one random operation.
func (w *world) operate() {
	w.ops++
	all := w.fleet.Appliances()
	a := all[w.rng.IntN(len(all))]
	switch n := w.rng.IntN(100); {
	case n < 12:
		w.rivals(a)
	case n < 17:
		w.lifecycle()
	default:
		w.press(a.Name)
	}
}

// lifecycle has an engine start, quit or crash.
func (w *world) lifecycle() {
	switch n := w.rng.IntN(8); {
	case n < 1:
		w.quit(&w.main)
	case n < 3:
		w.crash(w.main)
	case w.second == nil:
		adopt := w.rng.IntN(3) > 0
		purpose := ""
		if !adopt {
			purpose = "rsync /backup" // as `locks hold` does
		}
		w.second = w.start(false, adopt, purpose)
	case n < 5:
		w.quit(&w.second)
	case n < 6:
		w.crash(w.second)
	case w.viewer == nil:
		w.viewer = w.start(true, true, "")
	default:
		w.quit(&w.viewer)
	}
}

func (w *world) quit(at **process) {
	p := *at
	if p.dead.Load() {
		return // it is buried soon
	}
	w.story.add("", "%s quits", p.id)
	*at = nil
	if err := p.quit(); err != nil {
		w.t.Errorf("seed %d: quit: %v", w.seed, err)
	}
}

// crash kills an engine now, or after some more of its writes.
func (w *world) crash(p *process) {
	if w.rng.IntN(3) == 0 {
		w.story.add("", "%s is killed now", p.id)
		p.kill()
		return
	}
	p.fuse.Store(int64(1 + w.rng.IntN(40)))
}

// press is one thing that an operator does on a screen.
func (w *world) press(name string) {
	p := w.main
	switch n := w.rng.IntN(10); {
	case n < 3 && w.second != nil:
		p = w.second
	case n < 4 && w.viewer != nil:
		p = w.viewer
	}
	if p == nil || p.dead.Load() {
		return
	}
	who := maria
	switch w.rng.IntN(12) {
	case 0:
		who = guest
	case 1, 2, 3:
		who = otto
	}
	s := p.engine.Snapshot(name)
	act, ok := w.choose(p, s)
	if !ok && w.rng.IntN(2) == 0 {
		act, ok = w.acquire(p, s), true
	}
	if !ok {
		w.lookOrAcknowledge(p, s, who)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	if w.rng.IntN(8) == 0 { // the line drops
		ctx, cancel = context.WithTimeout(ctx, time.Duration(w.rng.IntN(5000))*time.Millisecond)
	}
	if act.Verb != appliance.VerbWait {
		select {
		case w.under <- struct{}{}:
		default:
			cancel()
			return
		}
	}
	number := w.ops
	w.story.add(name, "op %d: %s as %s on %s: %s", number, act.Verb, who.Name, p.id, about(act))
	w.acts.Go(func() {
		defer cancel()
		var r fleet.Result
		var err error
		if act.Verb == appliance.VerbWait {
			r, err = p.engine.Wait(ctx, who, name, act.Claim)
		} else {
			r, err = p.engine.Do(ctx, who, name, act)
			<-w.under
		}
		w.story.add(name, "op %d ended: %s %v", number, r.Text, err)
	})
}

func about(act appliance.Act) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s typed=%v", act.Claim.Scope, act.Claim.TTL, act.Lock.ID, act.Transfer.Backup, act.Job,
		act.Typed))
}

// lookOrAcknowledge looks again, acknowledges a loss, or ends a wait.
func (w *world) lookOrAcknowledge(p *process, s *fleet.Snapshot, who policy.Person) {
	switch {
	case s.Wait != nil && w.rng.IntN(2) == 0:
		p.engine.StopWaiting(s.Name)
	case len(s.Lost) > 0:
		err := p.engine.Acknowledge(context.Background(), who, s.Name, s.Lost[w.rng.IntN(len(s.Lost))].Lock)
		w.story.add(s.Name, "op %d: %s acknowledges a loss on %s: %v", w.ops, who.Name, p.id, err)
	default:
		p.engine.Look(s.Name)
	}
}

// choose picks an act by what the screen shows. Not all that it picks may be done: what the screen refuses is tried too.
func (w *world) choose(p *process, s *fleet.Snapshot) (appliance.Act, bool) {
	switch n := w.rng.IntN(80); {
	case n < 18:
		return w.acquire(p, s), true
	case n < 48:
		return w.onLock(s)
	case n < 50 && s.Kind == appliance.ECB:
		return appliance.Act{Verb: appliance.VerbWait, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}, true
	case n < 66:
		return w.onBackup(p, s)
	case n < 68:
		act := appliance.Act{Verb: appliance.VerbCancelPush, Job: s.Push.Job, Typed: w.rng.IntN(4) == 0}
		return act, s.Push.Job != "" || act.Typed
	case n < 72 && len(s.Jobs) > 0:
		j := s.Jobs[w.rng.IntN(len(s.Jobs))]
		return appliance.Act{Verb: appliance.VerbCancelJob, Job: j.ID, Typed: w.rng.IntN(8) == 0}, true
	}
	return appliance.Act{}, false
}

func (w *world) acquire(p *process, s *fleet.Snapshot) appliance.Act {
	act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}
	if rules := p.engine.LockRules(s.Name); rules.ChooseTTL {
		act.Claim.Scope = xclarity.Components[w.rng.IntN(4)]
		act.Claim.TTL = w.mark(20, rules.MaxTTL)
	}
	if w.rng.IntN(10) == 0 {
		act.Deadline = time.Duration(1+w.rng.IntN(60)) * time.Second
	}
	return act
}

// mark is a time of so many minutes at most that nobody has asked for in this run. That two ask for the very same while an answer
// is lost happens too, and is what a mark by chance leaves open (faults.md LCK-02): whose the lock is that appears then cannot be
// told.
func (w *world) mark(minutes int, longest time.Duration) time.Duration {
	for range 100 {
		ttl := fleet.Mark(time.Duration(1+w.rng.IntN(minutes))*time.Minute, longest, w.rng.Float64())
		if !w.marks[ttl] {
			w.marks[ttl] = true
			return ttl
		}
	}
	clear(w.marks)
	return w.mark(minutes, longest)
}

// onLock acts on a lock that is shown, one of ours more often.
func (w *world) onLock(s *fleet.Snapshot) (appliance.Act, bool) {
	var mine, all []fleet.Lock
	for _, l := range s.Locks {
		all = append(all, l)
		if l.Mine {
			mine = append(mine, l)
		}
	}
	from := all
	if len(mine) > 0 && w.rng.IntN(6) > 0 {
		from = mine
	}
	if len(from) == 0 {
		return appliance.Act{}, false
	}
	l := from[w.rng.IntN(len(from))]
	act := appliance.Act{Lock: l.Lock, Typed: !l.Mine && w.rng.IntN(10) == 0}
	switch n := w.rng.IntN(30); {
	case n < 8:
		act.Verb = appliance.VerbExtend
		if w.rng.IntN(2) == 0 && !l.Exclusive {
			act.Claim.TTL = w.mark(40, 24*time.Hour)
		}
	case n < 18:
		act.Verb = appliance.VerbRelease
	case n < 26:
		act.Verb = appliance.VerbKeep
		if w.rng.IntN(3) == 0 {
			wall, _ := w.times.source()
			act.Until = wall.Add(time.Duration(w.rng.IntN(60)) * time.Minute)
		}
	default:
		act.Verb = appliance.VerbUnkeep
	}
	return act, true
}

// onBackup sends a backup somewhere; those of others are left alone.
func (w *world) onBackup(p *process, s *fleet.Snapshot) (appliance.Act, bool) {
	label := "nightly"
	if p == w.second {
		label = "weekly" // so that two engines seldom ask for the same
	}
	var ours []fleet.Backup
	for _, b := range s.Backups {
		if strings.HasPrefix(b.Label.String(), label) {
			ours = append(ours, b)
		}
	}
	if len(ours) == 0 {
		return appliance.Act{}, false
	}
	b := ours[w.rng.IntN(len(ours))]
	t := appliance.Transfer{Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Destination: xclarity.DefaultShare}
	switch n := w.rng.IntN(6); {
	case n < 2:
		t.Verb = appliance.VerbCopy
	case n < 4 && b.At(appliance.Internal):
		t.Verb = appliance.VerbMove
	case n < 4:
		t.Verb, t.Destination = appliance.VerbCopy, string(appliance.Internal)
	default:
		t.Verb, t.Destination = appliance.VerbPush, w.freshAddress()
	}
	return appliance.Act{Verb: t.Verb, Transfer: t}, true
}
