package fleet

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// Another operator takes a lock like the one that is asked for, between our last poll and our request, which has no effect.
func TestFault_LCK02_AnothersLockIsNeverAdopted(t *testing.T) {
	for _, c := range []struct {
		what string
		ttl  time.Duration // asked for by us
		late bool          // the other's appears after our request instead of just before it
		his  time.Duration
		says string
	}{
		{"taken just before ours, without a mark", 20 * time.Minute, false, 20 * time.Minute, "no new lock that fits"},
		{"taken just before ours, with the same mark", up20.Claim.TTL, false, up20.Claim.TTL, "no new lock that fits"},
		{"taken just after ours, without a mark", 20 * time.Minute, true, 20 * time.Minute,
			"a new lock fits (UP (00000000…)), but others ask for such a time too"},
		{"taken just after ours, with another mark", up20.Claim.TTL, true, up20.Claim.TTL + 10*time.Second, "no new lock that fits"},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, nil, func(t *testing.T, b *bench) {
				b.pass(2500 * time.Millisecond) // between two polls
				var his appliance.LockID
				take := func() { his = b.f.put("UP", c.his, b.clock.Now().Wall) }
				if !c.late {
					b.f.with(take)
				}
				b.f.with(func() {
					b.f.before = func(_ context.Context, call string) error {
						if call != "acquire" {
							return nil
						}
						if c.late {
							b.f.with(take)
						}
						return fmt.Errorf("reset: %w", appliance.ErrAmbiguous)
					}
				})
				act := up20
				act.Claim.TTL = c.ttl
				_, err := b.do(act)
				mustIs(t, err, appliance.ErrAmbiguous)
				must(t, err.Error(), strings.Contains(err.Error(), c.says), true)
				must(t, "mine", b.lock(his).Mine, false)
				if strings.HasPrefix(c.says, "a new lock") {
					must(t, "holder of the one that fits", b.lock(his).Holder, appliance.HolderUnknown)
				}
				_, err = b.do(appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(his).Lock})
				mustIs(t, err, ErrRefusedByUs)
				must(t, "released", b.f.asked("release"), 0)
			})
		})
	}
}

// An extension asks with a time of its own; the same holds for it.
func TestFault_LCK02_AnExtensionAdoptsOnlyItsMark(t *testing.T) {
	for _, ttl := range []time.Duration{time.Hour, time.Hour + 23*time.Second} {
		run(t, nil, func(t *testing.T, b *bench) {
			old := b.acquire(20 * time.Minute)
			b.f.with(func() {
				b.f.after = func(call string) error {
					if call == "acquire" {
						return appliance.ErrAmbiguous
					}
					return nil
				}
			})
			r, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock, Claim: appliance.Claim{TTL: ttl}})
			if ttl%time.Minute == 0 {
				mustIs(t, err, appliance.ErrAmbiguous)
				must(t, "the old one is kept", b.f.asked("release"), 0)
				return
			}
			must(t, "error", err, nil)
			must(t, "mine", b.lock(r.Lock).Mine, true)
			b.pass(12 * time.Second)
			must(t, "the old one is given back", b.f.asked("release"), 1)
		})
	}
}

func TestFault_LCK02_WithoutAFreshListNothingIsSent(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.before = on("locks", fmt.Errorf("get: %w", appliance.ErrMalformed)) })
		_, err := b.do(up20)
		mustIs(t, err, ErrRefusedByUs)
		must(t, err.Error(), strings.Contains(err.Error(), "could not be listed just before, so nothing was sent: get: unreadable answer"), true)
		must(t, "sent", b.f.asked("acquire"), 0)
		must(t, "records", len(b.notes.Records()), 0)
	})
}

// 17: a lock that was found after a long search does not make the appliance slow, nor its locks' margins wide.
func TestSearchingIsNoRoundTrip(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.after = func(call string) error {
				if call == "acquire" {
					b.f.hidden[b.f.granted[0]] = true
					return appliance.ErrAmbiguous
				}
				if b.f.asked0("locks") > 3 {
					clear(b.f.hidden)
				}
				return nil
			}
		})
		id := b.acquire(up20.Claim.TTL)
		w := b.e.byName["dc1"]
		w.mu.Lock()
		defer w.mu.Unlock()
		must(t, "worst round trip", w.worst(), 0)
		must(t, "mine", w.claims.own[id] != nil, true)
	})
}

func TestAnExtensionNeverShortens(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		id := b.acquire(time.Hour)
		b.pass(time.Minute)
		act := appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(id).Lock, Claim: appliance.Claim{TTL: 58 * time.Minute}}
		must(t, "why not", b.e.WhyNot(maria, "dc1", act), "it would end earlier than it does now: it still lasts 59m")
		_, err := b.do(act)
		mustIs(t, err, ErrRefusedByUs)
		act.Claim.TTL = time.Minute * 59
		must(t, "no sooner may be", b.e.WhyNot(maria, "dc1", act), "")
		must(t, "sent", b.f.asked("acquire"), 1)
	})
}

// Less is granted than was asked for: the old lock, which lasts longer, stays.
func TestAnExtensionThatGotLessKeepsTheOldLock(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		old := b.acquire(time.Hour)
		b.pass(time.Minute)
		b.f.with(func() {
			b.f.after = func(string) error {
				for i := range b.f.locks {
					if b.f.locks[i].ID != old {
						b.f.locks[i].TTL = 5 * time.Minute
					}
				}
				return nil
			}
		})
		r, err := b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: b.lock(old).Lock, Claim: appliance.Claim{TTL: 2 * time.Hour}})
		must(t, "error", err, nil)
		b.pass(time.Minute)
		mustSay(t, b.events(Warn), "ends before the old one, which is kept too")
		must(t, "mine", b.lock(r.Lock).Mine, true)
		must(t, "releases", b.f.asked("release"), 0)
		_, left := b.lock(old).Term.At(b.clock.Now())
		must(t, "the old one", left, 58*time.Minute)
	})
}

// getter is an appliance that can be asked for one lock or one job.
type getter struct {
	*fake
	lock func(appliance.LockID) (appliance.Lock, error)
	job  func(appliance.JobID) (appliance.Job, error)
}

func (g *getter) Lock(ctx context.Context, id appliance.LockID) (l appliance.Lock, stamp appliance.Stamp, err error) {
	stamp, failed := g.call(ctx, "get lock", func(appliance.Stamp) { l, err = g.lock(id) })
	if failed != nil {
		err = failed
	}
	return l, stamp, err
}

func (g *getter) Job(ctx context.Context, id appliance.JobID) (j appliance.Job, stamp appliance.Stamp, err error) {
	stamp, failed := g.call(ctx, "get job", func(appliance.Stamp) { j, err = g.job(id) })
	if failed != nil {
		err = failed
	}
	return j, stamp, err
}

func onGetter(t *testing.T, body func(t *testing.T, b *bench, g *getter)) {
	t.Helper()
	g := &getter{}
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		g.fake = b.f
		o.Members = []Member{{Appliance: g, Name: "dc1"}}
	}, func(t *testing.T, b *bench) { body(t, b, g) })
}

func TestMissingLockIsAskedForByIDBeforeItIsLost(t *testing.T) {
	onGetter(t, func(t *testing.T, b *bench, g *getter) {
		id := b.acquire(time.Hour)
		b.pass(10 * time.Second)
		must(t, "asked for while it is listed", b.f.asked("get lock"), 0)
		var there []appliance.Lock
		b.f.with(func() {
			there, b.f.locks = b.f.locks, nil
			g.lock = func(appliance.LockID) (appliance.Lock, error) { return there[0], nil }
		})
		b.pass(10 * time.Second)
		must(t, "asked for", b.f.asked("get lock"), 1)
		must(t, "it is there", b.lock(id).Mine, true)
		must(t, "alarms", len(b.events(Alarm)), 0)
		b.f.with(func() {
			g.lock = func(appliance.LockID) (appliance.Lock, error) { return appliance.Lock{}, appliance.ErrUnreachable }
		})
		b.pass(10 * time.Second)
		must(t, "when it cannot be asked it is unknown", b.lock(id).Holder, appliance.HolderUnknown)
		must(t, "alarms", len(b.events(Alarm)), 0)
		b.f.with(func() {
			g.lock = func(appliance.LockID) (appliance.Lock, error) { return appliance.Lock{}, appliance.ErrGone }
		})
		b.pass(10 * time.Second)
		must(t, "lock", b.lock(id), nil)
		mustSay(t, b.events(Alarm), "is lost")
	})
}
