package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// errNoPassword is what a client says that cannot get one.
var errNoPassword = fmt.Errorf("log in: %w: environment variable \"LXCA_PASSWORD\" is not set", appliance.ErrNoPassword)

// An appliance is up only when it told how it is.
func TestOnlyWhatToldHowItIsIsUp(t *testing.T) {
	for _, c := range []struct {
		what    string
		call    string // empty: every call
		err     error
		state   State
		trouble string
	}{
		{"no password", "", errNoPassword, StateRefused, "cannot be asked without its password: log in: no password: environment variable"},
		{"404 of everything", "", &appliance.Refusal{Status: 404}, StateUnreadable, "does not tell how it is: 404 Not Found"},
		{"404 of the probe only", "probe", &appliance.Refusal{Status: 404}, StateUnreadable, "does not tell how it is: 404 Not Found"},
		{"403", "probe", &appliance.Refusal{Status: 403, Kind: appliance.ErrForbidden}, StateUnreadable, "does not tell how it is: 403"},
		{"whatever else", "", errors.New("internal"), StateUnreadable, "does not tell how it is: internal"},
		{"a login page", "probe", appliance.ErrMalformed, StateUnreadable, "answers what cannot be read"},
		{"429", "", &appliance.Refusal{Status: 429}, StateRestarting, "is not ready: 429"},
		{"502", "", &appliance.Refusal{Status: 502}, StateRestarting, "is not ready: 502"},
		{"503", "", &appliance.Refusal{Status: 503}, StateRestarting, "is not ready: 503"},
		{"504 of one listing", "jobs", fmt.Errorf("get: %w", &appliance.Refusal{Status: 504}), StateRestarting, "is not ready: get: 504"},
		{"busy", "", appliance.ErrBusy, StateRestarting, "is not ready"},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, nil, func(t *testing.T, b *bench) {
				must(t, "state before", b.snap().State, StateUp)
				b.f.with(func() {
					b.f.before = func(_ context.Context, call string) error {
						if c.call == "" || c.call == call {
							return c.err
						}
						return nil
					}
				})
				for range 70 {
					b.pass(time.Second)
					must(t, "good news", len(b.events(Good)), 0)
				}
				s := b.snap()
				must(t, "state", s.State, c.state)
				must(t, "answers", s.State.Answers(), false)
				must(t, s.Trouble, strings.Contains(s.Trouble, c.trouble), true)
				must(t, "advice", s.Advice != "", true)
				_, err := b.do(up20)
				mustIs(t, err, ErrRefusedByUs)
				must(t, "sent", b.f.asked("acquire"), 0)
				must(t, "told once", len(b.events(Warn))-1+len(b.events(Alarm)), 1) // and the act's refusal
				b.f.with(func() { b.f.before = nil })
				b.e.Look("dc1")
				b.pass(90 * time.Second)
				must(t, "state after", b.snap().State, StateUp)
				must(t, "good news", len(b.events(Good)), 1)
			})
		})
	}
}

func TestWithoutAPasswordNothingIsAskedUntilSomebodyLooks(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.before = fails(errNoPassword) }, func(t *testing.T, b *bench) {
		b.pass(time.Hour)
		w := b.e.byName["dc1"]
		b.e.sched.wake(w, w.lanes) // as after a step of our clock
		b.pass(time.Hour)
		must(t, "tries", b.f.all(), 1)
		s := b.snap()
		must(t, s.Advice, strings.Contains(s.Advice, "what its settings take the password from (password_env"), true)
		must(t, "next try", s.NextTry.IsZero(), true)
		b.e.Look("")
		b.pass(time.Hour)
		must(t, "tries", b.f.all(), 2)
		must(t, "alarms", len(b.events(Alarm)), 1)
	})
}

// TOK-05: a held down key is not a guessing machine.
func TestFault_TOK05_LooksAreThirtySecondsApart(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.before = fails(appliance.ErrCredentials) }, func(t *testing.T, b *bench) {
		b.pass(3 * time.Minute)
		must(t, "logins", b.f.all(), 2)
		for range 60 {
			b.e.Look("dc1")
			b.pass(33 * time.Millisecond)
		}
		must(t, "logins after a storm of looks", b.f.all(), 3)
		must(t, b.snap().Advice, strings.Contains(b.snap().Advice, "the next try may be made at 00:03:30 UTC"), true)
		b.pass(27 * time.Second)
		b.e.Look("dc1")
		b.pass(time.Second)
		must(t, "logins too early", b.f.all(), 3)
		b.pass(time.Second)
		b.e.Look("dc1")
		b.pass(time.Second)
		must(t, "logins after the pause", b.f.all(), 4)
	})
}

// forgetful counts how often it was told to get the password anew.
type forgetful struct {
	*edge
	forgot int
}

func (x *forgetful) ForgetPassword() { x.forgot++ }

// An ECB's polls go on with a token of old, whatever became of the password: that they are answered says nothing of it.
func TestFault_TOK05_PollsWithAnOldTokenForgiveNoAct(t *testing.T) {
	x := &forgetful{}
	run(t, func(b *bench, o *Options) {
		x.edge = &edge{fake: b.f, holder: appliance.HolderNobody}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.before = on("acquire", appliance.ErrCredentials) })
		_, err := b.do(takeConf)
		mustIs(t, err, appliance.ErrCredentials)
		b.pass(time.Minute)
		must(t, "the polls are answered", b.snap().State, StateUp)
		_, err = b.do(takeConf)
		mustIs(t, err, appliance.ErrCredentials)
		must(t, "after the second", b.snap().State, StateRefused)
		_, err = b.do(takeConf)
		mustIs(t, err, ErrRefusedByUs)
		must(t, "logins", b.f.asked("acquire"), 2)
		b.e.Look("dc1")
		must(t, "the password is got anew", x.forgot, 1)
		b.pass(time.Minute)
		must(t, "state", b.snap().State, StateUp)
		b.e.Look("dc1")
		must(t, "and again, as nothing has shown that it is right", x.forgot, 2)
		b.f.with(func() { b.f.before = nil })
		_, err = b.do(takeConf)
		must(t, "error", err, nil)
		b.e.Look("dc1")
		must(t, "now it has", x.forgot, 2)
	})
}

// What the client finds out about an open question counts once each time, too.
func TestFault_TOK05_SettlingCounts(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		b.f.with(func() {
			b.f.before = on("acquire", appliance.ErrAmbiguous)
			x.settle = func() (bool, error) {
				x.holder = appliance.HolderUnknown
				return false, appliance.ErrCredentials
			}
		})
		_, err := b.do(takeConf)
		mustIs(t, err, appliance.ErrAmbiguous)
		b.pass(time.Minute)
		must(t, "after the first", b.snap().State, StateUp)
		_, err = b.do(takeConf)
		mustIs(t, err, appliance.ErrAmbiguous)
		must(t, "after the second", b.snap().State, StateRefused)
		must(t, "asked for", b.f.asked("acquire"), 1)
		must(t, "settled", b.f.asked("settle"), 2)
	})
}

// DAT-06: however long an appliance talks, an event and a result are bounded, and what a panic says is cleaned.
func TestFault_DAT06_TextsAreBoundedAndCleaned(t *testing.T) {
	var log strings.Builder
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	}, func(t *testing.T, b *bench) {
		r, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
		must(t, "error", err, nil)
		long := appliance.Words(strings.Repeat("x", appliance.MessageLimit))
		b.f.with(func() { b.f.jobs[0].Messages = []appliance.Text{long, long, long} })
		b.f.end(r.Job, appliance.PhaseProblem, "Stopped")
		b.pass(10 * time.Second)
		for _, ev := range b.e.Events(0, 0) {
			must(t, "bounded", len([]rune(ev.Text)) <= appliance.MessageLimit, true)
		}
		b.f.with(func() { b.f.before = onCall("acquire", func() { panic("\x1b]0;pwned\x07") }) })
		_, err = b.do(up20)
		mustIs(t, err, appliance.ErrAmbiguous)
		b.f.with(func() { b.f.before = func(context.Context, string) error { panic("\u009b31m") } })
		b.pass(time.Minute)
		must(t, "logged", strings.Count(log.String(), "client failed") >= 2, true)
		must(t, "raw", strings.ContainsAny(log.String(), "\x1b\x07\u009b") || strings.Contains(log.String(), `\x1b`) ||
			strings.Contains(log.String(), `\u009b`), false)
	})
}

// talker is an appliance that says much along with a success.
type talker struct{ *fake }

func (x *talker) Acquire(ctx context.Context, c appliance.Claim) (appliance.Receipt, error) {
	r, err := x.fake.Acquire(ctx, c)
	for range 5 {
		r.Told = append(r.Told, appliance.Message{Text: appliance.Words(strings.Repeat("y", appliance.MessageLimit))})
	}
	return r, err
}

func TestFault_DAT06_ResultsAreBounded(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		o.Members = []Member{{Appliance: &talker{b.f}, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		r, err := b.do(up20)
		must(t, "error", err, nil)
		must(t, "bounded", len([]rune(r.Text)), appliance.MessageLimit)
		must(t, "in the record", len([]rune(b.notes.Records()[0].Note)), appliance.MessageLimit)
	})
}

func TestNoLocksForbidsEveryLockVerb(t *testing.T) {
	run(t, func(b *bench, _ *Options) { b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)} }, func(t *testing.T, b *bench) {
		l := b.snap().Locks[0].Lock
		b.f.with(func() { b.f.health.NoLocks = "it is the standby" })
		b.pass(time.Minute)
		for _, v := range []appliance.Verb{appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease} {
			must(t, string(v), b.e.WhyNot(maria, "dc1", appliance.Act{Verb: v, Lock: l}), "it is the standby")
		}
		must(t, "others", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbCancelPush}), "")
		b.f.with(func() { b.f.health.NoLocks, b.f.health.MayChange = "", false })
		b.pass(time.Minute)
		for _, v := range []appliance.Verb{
			appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease, appliance.VerbCopy, appliance.VerbMove,
			appliance.VerbPush, appliance.VerbCancelPush, appliance.VerbCancelJob,
		} {
			must(t, string(v), b.e.WhyNot(maria, "dc1", appliance.Act{Verb: v}), "the account admin may only look there")
		}
		b.f.with(func() { b.f.health.Doubt = true })
		b.pass(time.Minute)
		must(t, "in doubt", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbAcquire}), "")
	})
}
