package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/appliance"
)

// edge is an appliance with one exclusive lock, like an ECB.
type edge struct {
	*fake
	holder appliance.Holder
	token  appliance.Stamp
	issued *appliance.Stamp // of the token that the lock is asked for with, when that is an older one; nil = it is new
	// settle is what the client finds out about a request whose answer was lost.
	settle func() (held bool, err error)
	dark   bool // receipts of renewals are unproven
	let    atomic.Uint64
}

// Admitted counts the logins: polls go on with a token.
func (x *edge) Admitted() uint64 { return x.let.Load() }

func (x *edge) Settle(ctx context.Context) (held bool, err error) {
	_, failed := x.call(ctx, "settle", func(appliance.Stamp) {
		if x.settle != nil {
			held, err = x.settle()
		}
	})
	return held, cmp.Or(failed, err)
}

func (x *edge) Release(ctx context.Context, _ appliance.Lock) (r appliance.Receipt, err error) {
	r.Stamp, err = x.call(ctx, "release", func(appliance.Stamp) { x.holder = appliance.HolderNobody })
	return r, err
}

func (x *edge) Kind() appliance.Kind { return appliance.ECB }

func (x *edge) one() appliance.Lock {
	return appliance.Lock{
		ID: appliance.ConfigurationLock, Scope: appliance.Scope{Code: appliance.ConfigurationLock}, Holder: x.holder,
		TTL: 10 * time.Minute, Exclusive: true, Seen: x.token,
	}
}

func (x *edge) LockRules() appliance.LockRules {
	return appliance.LockRules{Scopes: []appliance.Scope{{Code: appliance.ConfigurationLock}}, DefaultTTL: 10 * time.Minute}
}

func (x *edge) Locks(ctx context.Context) (list appliance.LockList, err error) {
	list.Stamp, err = x.call(ctx, "locks", func(appliance.Stamp) { list.Locks = []appliance.Lock{x.one()} })
	return list, err
}

// stamp is that of an answer that comes now.
func (x *edge) stamp() appliance.Stamp {
	now := x.clock.Now()
	return appliance.Stamp{Sent: now, Received: now}
}

func (x *edge) grant(ctx context.Context, call string) (r appliance.Receipt, err error) {
	r.Stamp, err = x.call(ctx, call, func(s appliance.Stamp) {
		x.holder, x.token = appliance.HolderYou, s
		r.Lock = x.one()
		x.let.Add(1)
	})
	if x.issued != nil && err == nil {
		r.Stamp = *x.issued
	}
	return r, err
}

func (x *edge) Acquire(ctx context.Context, _ appliance.Claim) (appliance.Receipt, error) {
	return x.grant(ctx, "acquire")
}

func (x *edge) Renew(ctx context.Context, _ appliance.Lock) (r appliance.Receipt, err error) {
	before := x.token
	r, err = x.grant(ctx, "renew")
	if x.dark && err == nil {
		x.with(func() { x.token = before })
		r.Stamp, r.Unproven = before, true
		r.Told = []appliance.Message{{Text: appliance.Words("the proof waits for a running operation")}}
	}
	return r, err
}

// onEdge runs body on an engine over one appliance with an exclusive lock, which nobody holds at first.
func onEdge(t *testing.T, body func(t *testing.T, b *bench, x *edge)) {
	t.Helper()
	var x *edge
	run(t, func(b *bench, o *Options) {
		x = &edge{fake: b.f, holder: appliance.HolderNobody}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) { body(t, b, x) })
}

var (
	takeConf   = appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}
	conf       = appliance.Lock{ID: appliance.ConfigurationLock, Scope: appliance.Scope{Code: appliance.ConfigurationLock}, Exclusive: true}
	extendConf = appliance.Act{Verb: appliance.VerbExtend, Lock: conf}
	freeConf   = appliance.Act{Verb: appliance.VerbRelease, Lock: conf}
)

// on has one call fail before it takes effect.
func on(what string, err error) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		if call == what {
			return err
		}
		return nil
	}
}

// row is the configuration lock as it is shown.
func (b *bench) row() string {
	l := b.snap().Locks[0]
	return fmt.Sprintf("mine=%t %s", l.Mine, l.Holder)
}

// onCall has something done before a call.
func onCall(what string, do func()) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		if call == what {
			do()
		}
		return nil
	}
}

// mustSay fails the test unless one of the texts has the words.
func mustSay(t *testing.T, texts []string, words string) {
	t.Helper()
	all := strings.Join(texts, "|")
	must(t, fmt.Sprintf("%q in %q", words, all), strings.Contains(all, words), true)
}

// I2, LCK-10: what the appliance says of its only lock counts, whatever we remember.
func TestFault_LCK10_NotHeldAnyMoreIsLostAtOnce(t *testing.T) {
	for _, verb := range []string{"renew", "release"} {
		t.Run(verb, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				_, err := b.do(takeConf)
				must(t, "error", err, nil)
				b.pass(time.Minute)
				must(t, "held", b.row(), "mine=true you")
				b.f.with(func() {
					x.holder = appliance.HolderUnknown
					b.f.before = on(verb, fmt.Errorf("423: %w", appliance.ErrNotHeld))
				})
				if verb == "renew" {
					_, err = b.do(extendConf)
					mustIs(t, err, appliance.ErrNotHeld)
				} else {
					_, err = b.do(freeConf)
					must(t, "error", err, nil)
				}
				must(t, "at once", b.row(), "mine=false unknown")
				mustSay(t, b.events(Alarm), "lock configuration is lost")
				b.pass(time.Minute)
				must(t, "and it stays so", b.row(), "mine=false unknown")
			})
		})
	}
}

// Even a listing that still says "you" from before it was lost does not hold against that.
func TestFault_LCK10_AnOldListingDoesNotBringItBack(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		_, err := b.do(takeConf)
		must(t, "error", err, nil)
		b.pass(time.Minute)
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				switch call {
				case "renew":
					return appliance.ErrNotHeld
				case "locks":
					return appliance.ErrUnreachable
				}
				return nil
			}
		})
		_, err = b.do(extendConf)
		mustIs(t, err, appliance.ErrNotHeld)
		must(t, "row", b.row(), "mine=false unknown")
	})
}

// LCK-09: after an answer was lost the client finds out how it is, and the engine goes on from there.
func TestFault_LCK09_SettledAfterALostAnswer(t *testing.T) {
	for _, c := range []struct {
		what   string
		hold   bool // taken before
		act    appliance.Act
		call   string
		settle func(x *edge) (bool, error)
		err    error
		row    string
		says   string // of the result or the error
	}{
		{"acquire: it is ours", false, takeConf, "acquire", func(x *edge) (bool, error) {
			x.holder, x.token = appliance.HolderYou, x.stamp()
			return true, nil
		}, nil, "mine=true you", "took configuration for 10m"},
		{"acquire: another's", false, takeConf, "acquire", func(x *edge) (bool, error) {
			x.holder = appliance.HolderAnother
			return false, nil
		}, appliance.ErrNotHeld, "mine=false another", "found not to be yours"},
		{"acquire: not known", false, takeConf, "acquire", func(x *edge) (bool, error) {
			x.holder = appliance.HolderUnknown
			return false, appliance.ErrUnreachable
		}, appliance.ErrAmbiguous, "mine=false unknown", "whose the lock is is not known"},
		{"extend: with a new token", true, extendConf, "renew", func(x *edge) (bool, error) {
			x.token = x.stamp()
			return true, nil
		}, nil, "mine=true you", "extended configuration"},
		{"extend: with the old token", true, extendConf, "renew", func(*edge) (bool, error) {
			return true, nil
		}, errNoEffect, "mine=true you", "yours as before"},
		{"extend: lost", true, extendConf, "renew", func(x *edge) (bool, error) {
			x.holder = appliance.HolderNobody
			return false, nil
		}, appliance.ErrNotHeld, "mine=false nobody", "not held"},
		{"extend: not known", true, extendConf, "renew", func(x *edge) (bool, error) {
			x.holder = appliance.HolderUnknown
			return false, appliance.ErrUnreachable
		}, appliance.ErrAmbiguous, "mine=false unknown", "whose the lock is is not known"},
		{"release: it is free", true, freeConf, "release", func(x *edge) (bool, error) {
			x.holder = appliance.HolderNobody
			return false, nil
		}, nil, "mine=false nobody", "released configuration"},
		{"release: still ours", true, freeConf, "release", func(*edge) (bool, error) {
			return true, nil
		}, errNoEffect, "mine=true you", "yours still"},
	} {
		t.Run(c.what, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				if c.hold {
					_, err := b.do(takeConf)
					must(t, "error", err, nil)
				}
				b.pass(2 * time.Minute)
				b.f.with(func() {
					x.settle = func() (bool, error) { return c.settle(x) }
					b.f.before = on(c.call, fmt.Errorf("reset: %w", appliance.ErrAmbiguous))
				})
				sent := b.f.asked(c.call)
				r, err := b.do(c.act)
				must(t, "asked the client once", b.f.asked("settle"), 1)
				must(t, "sent once", b.f.asked(c.call)-sent, 1)
				must(t, "row", b.row(), c.row)
				said := r.Text
				if c.err != nil {
					mustIs(t, err, c.err)
					must(t, "still open", errors.Is(err, appliance.ErrAmbiguous), c.err == appliance.ErrAmbiguous)
					said = err.Error()
				} else {
					must(t, "error", err, nil)
				}
				must(t, said, strings.Contains(said, c.says), true)
				records := b.notes.Records()
				open := records[len(records)-1].Outcome == ""
				must(t, "the record stays open", open, c.err == appliance.ErrAmbiguous)
				if open {
					b.f.with(func() { x.settle = func() (bool, error) { x.holder = appliance.HolderNobody; return false, nil } })
					_, _ = b.do(freeConf)
					must(t, "the record says unknown"+b.story(), b.notes.Records()[len(records)-1].Outcome, OutcomeUnknown)
				}
			})
		})
	}
}

// Nobody has to ask: what could not be found out at once is asked until it is, and what was had is ours then.
func TestFault_LCK09_FoundOutByItself(t *testing.T) {
	for name, held := range map[string]bool{"had": true, "not had": false} {
		t.Run(name, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				b.f.with(func() {
					x.settle = func() (bool, error) { x.holder = appliance.HolderUnknown; return false, appliance.ErrUnreachable }
					b.f.before = on("acquire", appliance.ErrAmbiguous)
				})
				_, err := b.do(takeConf)
				mustIs(t, err, appliance.ErrAmbiguous)
				b.pass(2 * time.Minute)
				asked := b.f.asked("settle")
				must(t, fmt.Sprintf("asked %d times", asked), asked > 4 && asked < 15, true)
				must(t, "still open", b.row(), "mine=false unknown")
				b.f.with(func() {
					x.settle = func() (bool, error) {
						if x.holder = appliance.HolderAnother; held {
							x.holder, x.token = appliance.HolderYou, x.stamp()
						}
						return held, nil
					}
				})
				b.pass(time.Minute)
				must(t, "row"+b.story(), b.row(), map[bool]string{true: "mine=true you", false: "mine=false another"}[held])
				asked = b.f.asked("settle")
				b.pass(time.Minute)
				must(t, "asked no more", b.f.asked("settle"), asked)
				must(t, "asked for once", b.f.asked("acquire"), 1)
			})
		})
	}
}

func TestFault_LCK09_WhatIsOpenIsSettledFirst(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		lost := func() {
			b.f.with(func() {
				x.settle = func() (bool, error) { x.holder = appliance.HolderUnknown; return false, appliance.ErrUnreachable }
				b.f.before = on("acquire", appliance.ErrAmbiguous)
			})
			_, err := b.do(takeConf)
			mustIs(t, err, appliance.ErrAmbiguous)
			b.f.with(func() { b.f.before = nil })
		}
		lost()
		why := b.e.WhyNot(maria, "dc1", extendConf)
		must(t, why, strings.Contains(why, "whose it is is not known"), true)
		must(t, "release may be tried", b.e.WhyNot(maria, "dc1", freeConf), "")
		_, err := b.do(freeConf)
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "nothing is given back blindly", b.f.asked("release"), 0)
		b.f.with(func() {
			x.settle = func() (bool, error) { x.holder, x.token = appliance.HolderYou, x.stamp(); return true, nil }
		})
		_, err = b.do(freeConf)
		must(t, "error", err, nil)
		must(t, "released", b.f.asked("release"), 1)
		must(t, "row", b.row(), "mine=false nobody")
		must(t, "nothing is open any more", b.e.WhyNot(maria, "dc1", freeConf), "it is not yours, and only its holder can do that")

		lost()
		b.f.with(func() {
			x.settle = func() (bool, error) { x.holder, x.token = appliance.HolderYou, x.stamp(); return true, nil }
		})
		sent := b.f.asked("acquire")
		r, err := b.do(takeConf)
		must(t, "error", err, nil)
		must(t, "not asked for again", b.f.asked("acquire")-sent, 0)
		must(t, r.Text, strings.Contains(r.Text, "yours already"), true)
		must(t, "row", b.row(), "mine=true you")
	})
}

func TestRenewalThatIsNotProvenIsAWarning(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		_, err := b.do(takeConf)
		must(t, "error", err, nil)
		end := b.snap().Locks[0].Term.End
		b.pass(5 * time.Minute)
		b.f.with(func() { x.dark = true })
		r, err := b.do(extendConf)
		must(t, "error", err, nil)
		must(t, "unproven", r.Unproven, true)
		must(t, "the end stays", b.snap().Locks[0].Term.End, end)
		mustSay(t, b.events(Warn), "the renewal is not proven yet, so it counts as held until 00:10:00 UTC; it says: the proof waits")
		must(t, "good news", len(b.events(Good)), 1)
	})
}

func TestExclusiveLock(t *testing.T) {
	var x *edge
	run(t, func(b *bench, o *Options) {
		x = &edge{fake: b.f, holder: appliance.HolderAnother}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		must(t, "mine", b.snap().Locks[0].Mine, false)
		act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}
		must(t, "held by another may be tried", b.e.WhyNot(maria, "dc1", act), "")
		must(t, "another's cannot be released", b.e.WhyNot(maria, "dc1",
			appliance.Act{Verb: appliance.VerbRelease, Lock: x.one()}) != "", true)
		_, err := b.do(act)
		must(t, "error", err, nil)
		l := b.snap().Locks[0]
		must(t, "mine", l.Mine && l.By == "maria", true)
		must(t, "asking again", b.e.WhyNot(maria, "dc1", act), "you hold it already")
		b.pass(6 * time.Minute)
		_, err = b.do(appliance.Act{Verb: appliance.VerbExtend, Lock: l.Lock})
		must(t, "error", err, nil)
		_, left := b.snap().Locks[0].Term.At(b.clock.Now())
		must(t, "left", left, 10*time.Minute)
		must(t, "renewed", b.f.asked("renew"), 1)
		b.f.with(func() { x.holder = appliance.HolderUnknown })
		b.pass(10 * time.Second)
		must(t, "what the client does not know is not yours", fmt.Sprintf("%t %s", b.snap().Locks[0].Mine, b.snap().Locks[0].Holder), "false unknown")
		must(t, "and told", strings.Contains(strings.Join(b.events(Warn), "|"), "whether the lock configuration is still ours is not known"), true)
		b.f.with(func() { x.holder = appliance.HolderAnother })
		b.pass(10 * time.Second)
		must(t, "mine", b.snap().Locks[0].Mine, false)
		must(t, "alarms", len(b.events(Alarm)), 1)
	})
}

// A lock that our client holds without this engine having taken it (a token kept from before) is ours.
func TestExclusiveLockFromBefore(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		x := &edge{fake: b.f, holder: appliance.HolderYou}
		x.token = appliance.Stamp{Sent: b.clock.Now(), Received: b.clock.Now()}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		b.pass(4 * time.Minute)
		l := b.snap().Locks[0]
		_, left := l.Term.At(b.clock.Now())
		must(t, "mine", l.Mine, true)
		if left > 6*time.Minute || left < 6*time.Minute-time.Second {
			t.Errorf("left %s, want six minutes", left)
		}
	})
}
