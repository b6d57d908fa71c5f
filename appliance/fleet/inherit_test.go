package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
)

// resumer is an edge whose client can take up what earlier engines held by a token.
type resumer struct {
	*edge
	tokens map[string]bool // what is kept, by engine: whether it owns the lock
	asked  []string
}

func (x *resumer) Resume(ctx context.Context, engine string) (held bool, err error) {
	_, failed := x.call(ctx, "resume", func(appliance.Stamp) {
		x.asked = append(x.asked, engine)
		owns, kept := x.tokens[engine]
		delete(x.tokens, engine)
		if !kept {
			err = appliance.ErrGone
			return
		}
		if held = owns; held {
			x.holder = appliance.HolderYou
		}
	})
	if failed != nil {
		return false, failed
	}
	return held, err
}

// What an ended engine held by its token is taken up by it, and goes on as it was meant to.
func TestFault_TOK02_TakenUpAgain(t *testing.T) {
	for _, c := range []struct {
		what    string
		kept    bool
		owed    bool
		purpose string
		token   string // owns, lost, none
		away    bool   // at first
		row     string
		says    string // by the next run, at any level
		keeps   bool
		freed   bool
		lost    bool
	}{
		{"held", false, false, "", "owns", false, "mine=true you", "the configuration lock of an earlier run is still yours", false, false, false},
		{"held and kept", true, false, "", "owns", false, "mine=true you", "still yours and is kept further", true, false, false},
		{"for a command that ended", true, false, "locks hold", "owns", false, "mine=true you", "still yours", false, false, false},
		{"unreachable at first", true, false, "", "owns", true, "mine=true you", "still yours and is kept further", true, false, false},
		{"owed", false, true, "", "owns", false, "mine=false nobody", "its release was asked for and is done now", false, true, false},
		{"not held any more", false, false, "", "lost", false, "mine=false another", "held is not yours any more", false, false, true},
		{"the token is gone", false, false, "", "none", false, "mine=false another", "its token is not kept: free by 00:10:00 UTC", false, false, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newLedger()
			var x *resumer
			run(t, func(b *bench, o *Options) {
				x = &resumer{edge: &edge{fake: b.f, holder: appliance.HolderNobody}, tokens: map[string]bool{}}
				o.ID, o.Journal, o.Purpose = "one", &page{ledger: l, engine: "one"}, c.purpose
				o.Members = []Member{{Appliance: x, Name: "dc1"}}
			}, func(t *testing.T, b *bench) {
				_, err := b.do(takeConf)
				must(t, "error", err, nil)
				if c.kept {
					_, err = b.do(keepAct(conf))
					must(t, "error", err, nil)
				}
				b.e.Close()
				l.end("one")
				if c.owed { // its release was on its way
					_, err = (&page{ledger: l, engine: "one"}).Intend(t.Context(), Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: freeConf})
					must(t, "error", err, nil)
				}
				b.f.with(func() {
					x.holder = appliance.HolderAnother // as a client sees it that does not have the token
					if c.token != "none" {
						x.tokens["one"] = c.token == "owns"
					}
					if c.away {
						b.f.before = fails(appliance.ErrUnreachable)
					}
				})
				next := b.another(t, l, "two", x)
				if c.away {
					b.pass(30 * time.Second)
					must(t, "asked", len(x.asked), 0)
					b.f.with(func() { b.f.before = nil })
				}
				b.pass(90 * time.Second)
				must(t, "row"+next.story(), next.row(), c.row)
				must(t, "asked for", strings.Join(x.asked, " "), "one")
				mustSay(t, []string{next.story()}, c.says)
				must(t, "kept", next.kept() != "", c.keeps)
				must(t, "given back", b.f.asked("release"), map[bool]int{true: 1}[c.freed])
				must(t, "losses", len(next.snap().Lost), map[bool]int{true: 1}[c.lost])
				if c.token == "none" {
					must(t, "note", next.snap().Locks[0].Note, "an earlier run of yours may hold it: free by 00:10:00 UTC")
					b.f.with(func() { x.holder = appliance.HolderNobody })
					b.pass(11 * time.Second)
					must(t, "note once it was seen free", next.snap().Locks[0].Note, "")
				}
				must(t, "open", l.open(), 0)
				b.pass(10 * time.Minute)
				must(t, "renewed", b.f.asked("renew") > 0, c.keeps)
			})
		})
	}
}

// A run that ended in the middle of a request for the lock, of which it noted nothing yet.
func TestFault_TOK02_InTheMiddleOfARequest(t *testing.T) {
	l := newLedger()
	var x *resumer
	run(t, func(b *bench, o *Options) {
		x = &resumer{edge: &edge{fake: b.f, holder: appliance.HolderAnother}, tokens: map[string]bool{"one": true}}
		p := &page{ledger: l, engine: "one"}
		for _, act := range []appliance.Act{takeConf, {Verb: appliance.VerbResume, Lock: conf, Engine: "none"}} {
			_, err := p.Intend(context.Background(), Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: act, At: b.clock.Now()})
			must(t, "error", err, nil)
		}
		l.end("one")
		o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		b.pass(10 * time.Second)
		must(t, "row"+b.story(), b.row(), "mine=true you")
		must(t, "asked for", strings.Join(x.asked, " "), "one none")
		must(t, "alarms"+b.story(), len(b.events(Alarm)), 0)
		must(t, "in the journal", strings.Join(l.held("two"), ""), "on configuration held kept=false")
		must(t, "open", l.open(), 0)
	})
}

// A run took the lock over, and ended before it could ask whose it is: the next one finds the token under the name of who had asked,
// and what is recorded of the lock counts for it.
func TestFault_TOK02_ARunInBetween(t *testing.T) {
	for _, owed := range []bool{false, true} {
		l := newLedger()
		var x *resumer
		run(t, func(b *bench, o *Options) {
			x = &resumer{edge: &edge{fake: b.f, holder: appliance.HolderAnother}, tokens: map[string]bool{"one": true}}
			p, now, act := &page{ledger: l, engine: "two"}, b.clock.Now(), appliance.Act{Verb: appliance.VerbExtend, Lock: conf}
			h := Holding{
				Appliance: "dc1", Lock: conf.ID, Scope: conf.Scope.Code, Exclusive: true, Who: "maria", State: HoldingHeld,
				TTL: 10 * time.Minute, Sent: now.Wall, Received: now.Wall, Kept: !owed,
			}
			if owed {
				act.Verb, h.State = appliance.VerbRelease, HoldingOwed
			}
			must(t, "held", p.Hold(t.Context(), h), nil)
			_, err := p.Intend(t.Context(), Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: act, At: now})
			must(t, "asked", err, nil)
			l.end("two")
			o.ID, o.Adopt, o.Journal = "three", true, &page{ledger: l, engine: "three"}
			o.Members = []Member{{Appliance: x, Name: "dc1"}}
		}, func(t *testing.T, b *bench) {
			b.pass(90 * time.Second)
			must(t, "asked for", strings.Join(x.asked, " "), "two one")
			must(t, "kept"+b.story(), b.kept() != "", !owed)
			must(t, "given back"+b.story(), b.f.asked("release"), map[bool]int{true: 1}[owed])
			must(t, "alarms"+b.story(), len(b.events(Alarm)), 0)
			must(t, "open", l.open(), 0)
		})
	}
}

// What an engine holds that runs is shown as another's of ours, is never touched, and never taken over.
func TestFault_LCK07_WhatAnotherEngineHolds(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		id := b.keep("UP", 20*time.Minute)
		next := b.another(t, l, "two", b.f)
		b.pass(6 * time.Second)
		row := next.lock(id)
		must(t, "row", fmt.Sprintf("%t %t %s %t", row.Mine, row.Elsewhere, row.By, row.Kept), "false true maria true")
		release := appliance.Act{Verb: appliance.VerbRelease, Lock: row.Lock}
		_, err := next.do(release)
		mustIs(t, err, ErrRefusedByUs)
		must(t, err.Error(), strings.Contains(err.Error(), "takes the code"), true)
		_, err = next.do(appliance.Act{Verb: appliance.VerbExtend, Lock: row.Lock})
		mustIs(t, err, ErrRefusedByUs)
		b.pass(21 * time.Minute)
		must(t, "it is the first one's all along", len(next.snap().Lost)+len(b.snap().Lost), 0)
		must(t, "released by the one that has it only", b.f.asked("release"), b.f.asked("acquire")-1)
		b.e.Close()
		l.end("one")
		b.pass(20 * time.Second)
		must(t, "once it ended, the other goes on", next.kept(), b.f.alive()[0])
	})
}

// Whatever the journal says and the appliance has: the appliance is right, and what differs is said.
func TestFault_JNL11_TheApplianceIsRight(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "locks")
		type row struct {
			noted, there bool
			state        HoldingState
			kept         bool
			age          time.Duration
		}
		rows := make([]row, n)
		for i := range rows {
			rows[i] = row{
				noted: rapid.Bool().Draw(rt, "noted"), there: rapid.Bool().Draw(rt, "there"),
				state: rapid.SampledFrom([]HoldingState{HoldingHeld, HoldingOwed}).Draw(rt, "state"),
				kept:  rapid.Bool().Draw(rt, "kept"),
				age:   time.Duration(rapid.IntRange(0, 500).Draw(rt, "age")) * time.Second,
			}
		}
		l := newLedger()
		ids := make([]appliance.LockID, n)
		run(t, func(b *bench, o *Options) {
			p := &page{ledger: l, engine: "one"}
			for i, r := range rows {
				made := b.clock.Now().Wall.Add(-r.age)
				ids[i] = b.f.put(fmt.Sprintf("S%d", i), 10*time.Minute, made)
				if !r.there {
					b.f.locks = b.f.locks[:len(b.f.locks)-1]
				}
				if r.noted {
					_ = p.Hold(context.Background(), Holding{
						Appliance: "dc1", Lock: ids[i], Scope: fmt.Sprintf("S%d", i), Who: "maria", State: r.state, TTL: 10 * time.Minute,
						Sent: made, Received: made, Kept: r.kept && r.state == HoldingHeld,
					})
				}
			}
			l.end("one")
			o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
		}, func(t *testing.T, b *bench) {
			b.f.with(func() { b.f.before = on("acquire", &appliance.Refusal{Status: 400}) })
			b.pass(25 * time.Second)
			all := b.story()
			for i, r := range rows {
				shown, what := b.lock(ids[i]), fmt.Sprintf("%+v%s", r, all)
				switch {
				case !r.noted && r.there:
					must(t, "another's: "+what, shown != nil && !shown.Mine, true)
				case r.noted && r.there && r.state == HoldingOwed:
					must(t, "given back: "+what, shown == nil, true)
				case r.noted && r.there:
					must(t, "ours: "+what, shown != nil && shown.Mine && shown.Kept == r.kept, true)
				default:
					must(t, "not there: "+what, shown == nil, true)
				}
			}
			noted, lost := 0, 0
			for _, r := range rows {
				if r.noted {
					noted++
				}
				if r.noted && !r.there && r.state == HoldingHeld {
					lost++
				}
			}
			must(t, "losses"+all, len(b.snap().Lost), lost)
			must(t, "said"+all, strings.Count(all, "an earlier run took the lock"), noted)
			must(t, "said"+all, strings.Count(all, "is lost: the appliance does not have it any more"), lost)
		})
	})
}

// A transfer of an ended engine is followed by its job, or looked for, and its outcome told.
func TestFault_JOB09_TransfersOfAnEndedEngine(t *testing.T) {
	for _, known := range []bool{true, false} {
		l := newLedger()
		run(t, func(b *bench, o *Options) {
			withNightly(b, o)
			o.ID, o.Journal = "one", &page{ledger: l, engine: "one"}
		}, func(t *testing.T, b *bench) {
			b.f.with(func() { b.f.noJob = !known })
			if !known {
				b.f.with(func() { b.f.jobs = append(b.f.jobs, appliance.Job{ID: "900", Phase: appliance.PhaseSucceeded}) })
			}
			var job appliance.JobID
			if known {
				r, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
				must(t, "error", err, nil)
				job = r.Job
			} else { // killed before the answer
				p := &page{ledger: l, engine: "one"}
				act := send(appliance.VerbCopy, "/mnt/nas")
				id, err := p.Intend(t.Context(), Intent{Engine: "one", Who: "maria", Appliance: "dc1", Act: act, At: b.clock.Now()})
				must(t, "error", err, nil)
				must(t, "error", p.Track(t.Context(), Transit{
					ID: id, Appliance: "dc1", Who: "maria", Transfer: act.Transfer, Since: b.clock.Now().Wall, Known: []appliance.JobID{"900"},
				}), nil)
				r, err := b.f.Transfer(t.Context(), act.Transfer)
				must(t, "error", err, nil)
				must(t, "named", r.Job, "")
				job = b.f.jobs[len(b.f.jobs)-1].ID
			}
			b.pass(time.Second)
			b.e.Close()
			l.end("one")
			must(t, "in the journal", len(l.transits), 1)
			next := b.another(t, l, "two", b.f)
			b.pass(25 * time.Second)
			mine := false
			for _, j := range next.snap().Jobs {
				mine = mine || (j.ID == job && j.Mine && j.Who == "maria")
			}
			must(t, "ours"+next.story(), mine, true)
			must(t, "busy", strings.Contains(next.e.WhyNot(maria, "dc1", send(appliance.VerbCopy, "/mnt/other")), "is under way"), true)
			b.f.with(func() { b.f.backups[0].Locations = append(b.f.backups[0].Locations, "/mnt/nas") })
			b.f.end(job, appliance.PhaseSucceeded, "Complete")
			b.pass(10 * time.Second)
			mustSay(t, next.events(Good), fmt.Sprintf("job %s (copy of nightly to /mnt/nas) ended: Complete", job))
			must(t, "sent", b.f.asked("transfer"), 1)
			b.pass(2 * time.Second)
			must(t, "journal", len(l.transits)+l.open(), 0)
		})
	}
}

// A lock by a token of which it is not known when it was issued, as our clock was set back: it is kept further at once, what may be
// said of it is said, and no alarm is rung for what is in order.
func TestFault_TOK02_OfUnknownAge(t *testing.T) {
	for _, kept := range []bool{true, false} {
		l := newLedger()
		var x *resumer
		run(t, func(b *bench, o *Options) {
			x = &resumer{edge: &edge{fake: b.f, holder: appliance.HolderAnother}, tokens: map[string]bool{"one": true}}
			now := b.clock.Now()
			x.token = appliance.Stamp{Sent: ahead(now, -10*time.Minute), Received: now}
			later := now.Wall.Add(time.Hour)
			must(t, "error", (&page{ledger: l, engine: "one"}).Hold(context.Background(), Holding{
				Appliance: "dc1", Lock: conf.ID, Scope: conf.Scope.Code, Exclusive: true, Who: "maria", State: HoldingHeld, TTL: 10 * time.Minute,
				Sent: later, Received: later, Kept: kept,
			}), nil)
			l.end("one")
			o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
			o.Members = []Member{{Appliance: x, Name: "dc1"}}
		}, func(t *testing.T, b *bench) {
			b.pass(3 * time.Second)
			must(t, "row"+b.story(), b.row(), "mine=true you")
			mustSay(t, b.events(Good), "is still yours")
			mustSay(t, b.events(Good), "as our clock was set back: until 00:10:0")
			b.pass(10 * time.Second)
			must(t, "renewed"+b.story(), b.f.asked("renew"), map[bool]int{true: 1}[kept])
			must(t, "alarms"+b.story(), len(b.events(Alarm)), 0)
			if !kept {
				state, _ := b.snap().Locks[0].Term.At(b.clock.Now())
				must(t, "state", state.String(), "expiring")
				b.pass(11 * time.Minute)
				must(t, "losses"+b.story(), len(b.snap().Lost), 0)
				mustSay(t, b.events(Warn), "lock configuration of yours has ended")
			}
		})
	}
}

// What nobody can take up is free a lock's time after now at the latest, though the journal knows of it from the future.
func TestFault_TOK02_FreeByAtTheLatest(t *testing.T) {
	l := newLedger()
	run(t, func(b *bench, o *Options) {
		x := &resumer{edge: &edge{fake: b.f, holder: appliance.HolderAnother}, tokens: map[string]bool{}}
		later := b.clock.Now().Wall.Add(time.Hour)
		must(t, "error", (&page{ledger: l, engine: "one"}).Hold(context.Background(), Holding{
			Appliance: "dc1", Lock: conf.ID, Scope: conf.Scope.Code, Exclusive: true, Who: "maria", State: HoldingHeld, TTL: 10 * time.Minute,
			Sent: later, Received: later,
		}), nil)
		l.end("one")
		o.ID, o.Adopt, o.Journal = "two", true, &page{ledger: l, engine: "two"}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		b.pass(3 * time.Second)
		must(t, "note", b.snap().Locks[0].Note, "an earlier run of yours may hold it: free by 00:10:00 UTC")
	})
}
