package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
)

// onPages is run with an engine named one on a ledger, with the nightly backup; dead has nothing of it reach the ledger any more.
func onPages(t *testing.T, body func(t *testing.T, b *bench, l *ledger, dead func())) {
	t.Helper()
	l := newLedger()
	p := &page{ledger: l, engine: "one"}
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		o.ID, o.Journal, o.Adopt = "one", p, true
	}, func(t *testing.T, b *bench) {
		body(t, b, l, func() { p.set(func(string) error { return errKilled }) })
	})
}

// What an engine was in the middle of when it ended is found out by the next one on the same journal, and told by its ref.
func TestFault_JOB09_FollowedByTheNextRun(t *testing.T) {
	const nas = appliance.Location("/mnt/nas")
	moved := func(b *bench) {
		lies(b.f, "c0ffee", nas)
		b.f.end("1", appliance.PhaseSucceeded, "Complete")
	}
	stopped := func(b *bench) { b.f.end("1", appliance.PhaseProblem, "Stopped") }
	for _, c := range []struct {
		name string
		verb appliance.Verb
		dies string         // what it is about to do when it is killed: "track" and "transfer"; empty = it ends in order
		then func(b *bench) // meanwhile
		ran  bool           // the request took effect
		fate Fate
		says string
	}{
		{"its job is known", appliance.VerbMove, "", moved, true, FateThere, "is moved to /mnt/nas"},
		{"it failed meanwhile", appliance.VerbMove, "", stopped, true, FateNot, "ended: Stopped"},
		{"killed before it was sent", appliance.VerbMove, "track", nil, false, FateNot, "nothing had been sent yet"},
		{"killed before it had an effect", appliance.VerbMove, "transfer", nil, false, FateNot, "is not moved"},
		{"killed after it had its effect", appliance.VerbMove, "transfer", moved, true, FateThere, "is moved to /mnt/nas"},
		{"a copy, killed before it had an effect", appliance.VerbCopy, "transfer", nil, false, FateUnknown, "nothing found"},
		{"a removal that ended in order", appliance.VerbDelete, "", nil, true, FateThere, "took place, as the listing says"},
		{"a removal, killed before it had an effect", appliance.VerbDelete, "transfer", nil, false, FateUnknown, "takes place is not known"},
		{"a removal, killed after it had its effect", appliance.VerbDelete, "transfer", nil, true, FateThere, "took place"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onPages(t, func(t *testing.T, b *bench, l *ledger, dead func()) {
				act := asked(send(c.verb, "/mnt/nas"))
				if c.verb == appliance.VerbDelete {
					act.Transfer.Destination, act.Typed = "internal", true
				}
				kill := func(call string) error {
					if call != "transfer" && call != "delete" {
						return nil
					}
					dead()
					return appliance.ErrAmbiguous
				}
				switch {
				case c.dies == "track":
					b.e.journal.(*page).set(func(what string) error {
						if what == "before track" {
							dead()
							return errKilled
						}
						return nil
					})
				case c.dies == "transfer" && c.ran:
					b.f.with(func() { b.f.after = kill })
				case c.dies == "transfer":
					b.f.with(func() { b.f.before = func(_ context.Context, call string) error { return kill(call) } })
				}
				_, err := b.e.Do(t.Context(), boss, "dc1", act)
				must(t, fmt.Sprint("error: ", err), err == nil, c.dies == "" || c.ran && c.verb == appliance.VerbMove)
				b.e.Close()
				l.end("one")
				b.f.with(func() { b.f.before, b.f.after = nil, nil })
				if c.then != nil {
					c.then(b)
				}
				next := b.another(t, l, "two", b.f)
				told := next.toldOf(act.Ref)
				next.pass(3 * time.Minute)
				e, err := told()
				must(t, "error", err, nil)
				must(t, "fate: "+e.Text+next.story(), e.Fate, c.fate)
				mustSay(t, []string{e.Text}, c.says)
				must(t, "open records", l.open(), 0)
				must(t, "transfers under way in the journal", len(l.transits), 0)
				sent := 1
				if c.dies == "track" {
					sent = 0
				}
				must(t, "sent", b.f.asked("transfer", "delete"), sent)
				next.e.Close()
				l.end("two")
				if e.Fate == FateNot && c.dies == "track" {
					return // that it was refused is recorded, and no more
				}
				third := b.another(t, l, "three", b.f)
				late, err := third.e.Follow(t.Context(), "dc1", act.Ref)
				must(t, "error", err, nil)
				must(t, "told by the one after it", late, e)
			})
		})
	}
}

// What another engine that runs answers for is told by the journal, as soon as it is there.
func TestFault_JNL05_AnotherEngineTellsTheEnd(t *testing.T) {
	onPages(t, func(t *testing.T, b *bench, l *ledger, _ func()) {
		act := asked(send(appliance.VerbCopy, "/mnt/nas"))
		_, err := b.do(act)
		must(t, "error", err, nil)
		other := b.another(t, l, "two", b.f)
		told := other.toldOf(act.Ref)
		lies(b.f, "c0ffee", appliance.Internal, "/mnt/nas")
		b.f.end("1", appliance.PhaseSucceeded, "Complete")
		b.pass(30 * time.Second)
		e, err := told()
		must(t, "error", err, nil)
		must(t, "fate: "+e.Text, e.Fate, FateThere)
		must(t, "followed still", len(other.e.byName["dc1"].follows), 0)
	})
}

// How a transfer ended is told although it cannot be recorded now, and is recorded as soon as that is possible.
func TestFault_JNL03_TheEndIsRecordedLater(t *testing.T) {
	onPages(t, func(t *testing.T, b *bench, l *ledger, dead func()) {
		act := asked(send(appliance.VerbMove, "/mnt/nas"))
		_, err := b.do(act)
		must(t, "error", err, nil)
		told := b.toldOf(act.Ref)
		dead()
		lies(b.f, "c0ffee", "/mnt/nas")
		b.f.end("1", appliance.PhaseSucceeded, "Complete")
		b.pass(30 * time.Second)
		e, err := told()
		must(t, "error", err, nil)
		must(t, "fate: "+e.Text, e.Fate, FateThere)
		again, err := b.e.Follow(t.Context(), "dc1", act.Ref) // which the journal does not know
		must(t, "error", err, nil)
		must(t, "told again", again, e)
		p := b.e.journal.(*page)
		r, err := p.Find(t.Context(), act.Ref)
		must(t, "recorded", err == nil && r.Ending == nil && r.Tracked, true)
		p.set(nil)
		b.pass(time.Minute)
		r, err = p.Find(t.Context(), act.Ref)
		must(t, "error", err, nil)
		must(t, "recorded later", *r.Ending, e)
		must(t, "transfers under way in the journal", len(l.transits), 0)
	})
}

// A removal takes an admin, names one place where the backup lies, and takes the code when nothing would be left.
func TestRemoval(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		b.f.backups[0].Locations = []appliance.Location{appliance.Internal, "/mnt/nas"}
	}, func(t *testing.T, b *bench) {
		remove := func(at string, typed bool) error {
			act := send(appliance.VerbDelete, at)
			act.Typed = typed
			_, err := b.e.DoWith(t.Context(), boss, "dc1", act, nil)
			synctest.Wait()
			return err
		}
		refused := func(err error, why string) {
			t.Helper()
			mustIs(t, err, ErrRefusedByUs)
			mustSay(t, []string{err.Error()}, why)
		}
		_, err := b.do(send(appliance.VerbDelete, "internal"))
		refused(err, "takes an admin")
		refused(remove("/mnt/other", true), "it does not lie there")
		refused(remove("", true), "no destination is chosen")
		refused(remove("all", false), "nothing would be left of the backup")
		changed := send(appliance.VerbDelete, "internal")
		changed.Transfer.Checksum = appliance.Label("bad")
		_, err = b.e.Do(t.Context(), boss, "dc1", changed)
		refused(err, "has changed since you looked at it")
		must(t, "before a dialog", b.e.WhyNot(boss, "dc1", appliance.Act{Verb: appliance.VerbDelete}), "")
		must(t, "sent", b.f.asked("delete"), 0)

		must(t, "error", remove("internal", false), nil)
		b.pass(3 * time.Second)
		mustSay(t, b.events(Good), "the removal of nightly from internal took place, as the listing says")
		refused(remove("/mnt/nas", false), "nothing would be left of the backup")
		must(t, "the last with its code", remove("/mnt/nas", true), nil)
		b.pass(3 * time.Second)
		must(t, "backups", len(b.snap().Backups), 0)
		must(t, "done", strings.Join(b.f.log, "|"), fmt.Sprintf("delete %s internal|delete %s /mnt/nas", nightly().ID, nightly().ID))
	})
}

// Just before it is sent it is looked whether it is the last one now.
func TestFault_JOB10_TheOtherCopyGoesMeanwhile(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		b.f.backups[0].Locations = []appliance.Location{appliance.Internal, "/mnt/nas"}
	}, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.backups[0].Locations = []appliance.Location{appliance.Internal} })
		_, err := b.e.Do(t.Context(), boss, "dc1", send(appliance.VerbDelete, "internal"))
		mustIs(t, err, ErrRefusedByUs)
		mustSay(t, []string{err.Error()}, "nothing would be left of the backup")
		must(t, "sent", b.f.asked("delete"), 0)
	})
}

// What the appliance said to have removed and lists for a minute is an alarm, and its end is not known.
func TestFault_JOB08_RemovalThatIsListedStill(t *testing.T) {
	for _, late := range []bool{false, true} {
		run(t, withNightly, func(t *testing.T, b *bench) {
			b.f.with(func() { // it says so, and does it later or never
				b.f.after = func(call string) error {
					if call == "delete" {
						n := nightly()
						b.f.backups = []appliance.Backup{n}
					}
					return nil
				}
			})
			act := asked(send(appliance.VerbDelete, "internal"))
			act.Typed = true
			_, err := b.e.Do(t.Context(), boss, "dc1", act)
			must(t, "error", err, nil)
			told := b.toldOf(act.Ref)
			b.pass(30 * time.Second)
			must(t, "said too early", len(b.events(Alarm)), 0)
			want := FateUnknown
			if late {
				lies(b.f, "")
				want = FateThere
			}
			b.pass(2 * time.Minute)
			e, err := told()
			must(t, "error", err, nil)
			must(t, "fate: "+e.Text, e.Fate, want)
			must(t, "alarms", len(b.events(Alarm)) > 0, !late)
		})
	}
}

// Hinders tells what hinders an act now, and whether waiting may help.
func TestHinders(t *testing.T) {
	move := send(appliance.VerbMove, "/mnt/nas")
	changed := move
	changed.Transfer.Checksum = appliance.Label("bad")
	for _, c := range []struct {
		what    string
		set     func(*bench, *Options)
		change  func(*bench)
		who     int // 1 = a viewer
		name    string
		act     appliance.Act
		why     string
		passing bool
	}{
		{what: "nothing", act: move},
		{what: "no such appliance", name: "nowhere", act: move, why: "there is no appliance named"},
		{what: "role", who: 1, act: move, why: "your role is viewer"},
		{what: "no admin", act: send(appliance.VerbDelete, "internal"), why: "takes an admin"},
		{what: "down", act: move, why: "it does not answer now", passing: true, change: func(b *bench) {
			b.f.with(func() { b.f.before = func(context.Context, string) error { return appliance.ErrUnreachable } })
			b.pass(time.Minute)
		}},
		{what: "not listed yet", act: move, why: "the backups were not listed yet", passing: true, set: func(b *bench, _ *Options) {
			b.f.before = failing("backups", appliance.ErrMalformed)
		}},
		{what: "misset", act: move, why: "its settings cannot work: no address", set: func(b *bench, o *Options) {
			o.Members = []Member{{Name: "dc1", Broken: fmt.Errorf("no address")}}
		}},
		{what: "read only", act: move, why: "read-only", set: func(_ *bench, o *Options) { o.ReadOnly = true }},
		{what: "the account may only look", act: move, why: "may only look there", set: func(b *bench, _ *Options) {
			b.f.health.MayChange = false
		}},
		{what: "changed", act: changed, why: "the backup has changed"},
		{what: "it is there", act: send(appliance.VerbCopy, "internal"), why: "it lies there already"},
		{what: "busy with the same", act: move, why: "is under way (job 1, maria)", passing: true, change: func(b *bench) {
			_, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
			must(b.t, "error", err, nil)
		}},
		{what: "incomplete", act: appliance.Act{Verb: appliance.VerbMove}, why: "no backup is chosen"},
		{what: "not known how", act: appliance.Act{Verb: appliance.VerbProcess}, why: "this appliance has no way to process"},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, func(b *bench, o *Options) {
				withNightly(b, o)
				if c.set != nil {
					c.set(b, o)
				}
			}, func(t *testing.T, b *bench) {
				if c.change != nil {
					c.change(b)
				}
				who, name := maria, "dc1"
				if c.who == 1 {
					who = otto
				}
				if c.name != "" {
					name = c.name
				}
				why, passing := b.e.Hinders(who, name, c.act)
				mustSay(t, []string{why}, c.why)
				must(t, "anything: "+why, why != "", c.why != "")
				must(t, "passing", passing, c.passing)
			})
		})
	}
}

// A verb of which this engine does not know how it is done is refused before anything is recorded or sent.
func TestUnknownVerbIsRefused(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		for _, verb := range []appliance.Verb{appliance.VerbProcess, appliance.VerbActivate} {
			before := b.f.all()
			_, err := b.e.DoWith(t.Context(), boss, "dc1", appliance.Act{Verb: verb}, nil)
			mustIs(t, err, ErrRefusedByUs)
			must(t, "asked", b.f.all(), before)
		}
		must(t, "recorded", len(b.notes.Records()), 0)
	})
}

// The original is not removed when the copy that must stay is not listed just before, and when both are gone then that is an alarm
// with a fate of its own.
func TestFault_JOB04_TheCopyMustStay(t *testing.T) {
	for _, goes := range []string{"before", "with it"} {
		t.Run(goes, func(t *testing.T) {
			run(t, func(b *bench, o *Options) {
				withNightly(b, o)
				b.f.backups[0].Locations = []appliance.Location{appliance.Internal, "/mnt/nas"}
			}, func(t *testing.T, b *bench) {
				act := asked(send(appliance.VerbDelete, "internal"))
				act.Transfer.Stays, act.Typed = "/mnt/nas", true
				b.f.with(func() {
					if goes == "before" {
						b.f.backups[0].Locations = []appliance.Location{appliance.Internal}
						return
					}
					b.f.after = func(call string) error {
						if call == "delete" {
							b.f.backups = nil
						}
						return nil
					}
				})
				_, err := b.e.Do(t.Context(), boss, "dc1", act)
				if goes == "before" {
					mustIs(t, err, ErrRefusedByUs)
					mustSay(t, []string{err.Error()}, "the copy at /mnt/nas is not listed any more")
					must(t, "sent", b.f.asked("delete"), 0)
					return
				}
				must(t, "error", err, nil)
				told := b.toldOf(act.Ref)
				b.pass(30 * time.Second)
				e, err := told()
				must(t, "error", err, nil)
				must(t, "fate: "+e.Text, e.Fate, FateNeither)
				mustSay(t, b.events(Alarm), "nor is the copy listed at /mnt/nas any more")
			})
		})
	}
}
