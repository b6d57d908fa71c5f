package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/policy"
)

// up20 asks for about twenty minutes, with a mark.
var up20 = appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: "UP", TTL: 20*time.Minute + 17*time.Second}}

// nightly is a backup in internal, and the act of a transfer of it.
func nightly() appliance.Backup {
	return appliance.Backup{
		ID: "4edf27ff-08d1-49b5-b7f3-7e8edc4fd278", Label: appliance.Label("nightly"), Checksum: appliance.Label("c0ffee"),
		Size: 40, Created: time.Now(), Locations: []appliance.Location{appliance.Internal},
	}
}

func send(verb appliance.Verb, to string) appliance.Act {
	b := nightly()
	return appliance.Act{Verb: verb, Transfer: appliance.Transfer{
		Verb: verb, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Destination: to,
	}}
}

func withNightly(b *bench, _ *Options) {
	n := nightly()
	n.Created = b.clock.Now().Wall
	b.f.backups = []appliance.Backup{n}
}

func TestFault_LCK07_EightAcquireTogether(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		const rounds = 100
		var wg sync.WaitGroup
		for i := range 8 {
			scope := fmt.Sprintf("S%d", i)
			wg.Go(func() {
				for round := range rounds {
					r, err := b.e.Do(t.Context(), maria, "dc1", appliance.Act{
						Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: scope, TTL: time.Hour},
					})
					if err != nil {
						t.Errorf("%s round %d: %v", scope, round, err)
						return
					}
					l := b.lock(r.Lock)
					if l == nil || !l.Mine || l.Scope.Code != scope {
						t.Errorf("%s round %d: the lock is %+v", scope, round, l)
						return
					}
					if _, err := b.e.Do(t.Context(), maria, "dc1", appliance.Act{Verb: appliance.VerbRelease, Lock: l.Lock}); err != nil {
						t.Errorf("%s round %d: %v", scope, round, err)
						return
					}
				}
			})
		}
		wg.Wait()
		b.pass(time.Minute)
		must(t, "grants", len(b.f.granted), 8*rounds)
		must(t, "locks left there", len(b.f.locks), 0)
		must(t, "locks shown", len(b.snap().Locks), 0)
		must(t, "alarms", len(b.events(Alarm)), 0)
		released := map[string]bool{}
		for _, line := range b.f.log {
			if id, ok := strings.CutPrefix(line, "release "); ok {
				must(t, "released twice: "+id, released[id], false)
				released[id] = true
			}
		}
		must(t, "releases", len(released), 8*rounds)
	})
}

func TestFault_JOB03_TheSameIsNeverDoneTwiceAtOnce(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "transfer" {
					<-time.After(time.Second)
				}
				return nil
			}
		})
		copying := send(appliance.VerbCopy, "/mnt/nas")
		errs := make(chan error, 10)
		for range 10 {
			go func() {
				_, err := b.e.Do(t.Context(), maria, "dc1", copying)
				errs <- err
			}()
		}
		b.pass(500 * time.Millisecond)
		s := b.snap()
		must(t, "under way", len(s.Doing), 1)
		must(t, "moving", s.Backups[0].Moving, true)
		if why := b.e.WhyNot(maria, "dc1", copying); !strings.Contains(why, "under way (maria)") {
			t.Errorf("the key is disabled by %q", why)
		}
		b.pass(time.Second)
		refused := 0
		for range 10 {
			if err := <-errs; errors.Is(err, ErrRefusedByUs) {
				refused++
			}
		}
		must(t, "refused", refused, 9)
		must(t, "sent", b.f.asked("transfer"), 1)
		// While its job lives, neither that backup nor, with a push, any other.
		_, err := b.do(send(appliance.VerbMove, "/mnt/other"))
		mustIs(t, err, ErrRefusedByUs)
		b.f.end(b.snap().Jobs[0].ID, appliance.PhaseSucceeded, "Complete")
		b.pass(5 * time.Second)
		if _, err = b.do(send(appliance.VerbPush, "198.18.0.9")); err != nil {
			t.Fatal(err)
		}
		must(t, "push is ours", b.snap().Push.Ours, true)
		must(t, "a second push from there", b.e.WhyNot(maria, "dc1", appliance.Act{Verb: appliance.VerbPush}) != "", true)
	})
}

// brokenJournal refuses to record.
type brokenJournal struct{ Memory }

func (j *brokenJournal) Intend(context.Context, Intent) (uint64, error) {
	return 0, errors.New("disk full")
}

func TestI6_NothingIsSentWithoutAnIntent(t *testing.T) {
	run(t, func(b *bench, o *Options) { withNightly(b, o); o.Journal = &brokenJournal{} }, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.jobs = []appliance.Job{{ID: "5", Phase: appliance.PhaseRunning, Cancellable: true}}
			b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)}
		})
		b.pass(10 * time.Second)
		for _, act := range []appliance.Act{
			up20, {Verb: appliance.VerbRelease, Lock: b.snap().Locks[0].Lock, Typed: true}, send(appliance.VerbCopy, "/mnt/nas"),
			send(appliance.VerbMove, "/mnt/nas"), send(appliance.VerbPush, "198.18.0.9"), {Verb: appliance.VerbCancelPush, Typed: true},
			{Verb: appliance.VerbCancelJob, Job: "5", Typed: true},
		} {
			_, err := b.do(act)
			mustIs(t, err, ErrJournal)
			must(t, "words", strings.Contains(err.Error(), "journal not writable: disk full"), true)
		}
		must(t, "sent", b.f.asked("acquire", "release", "transfer", "cancel push", "cancel job"), 0)
		must(t, "told", len(b.events(Alarm)), 7)
		must(t, "nothing is left under way", len(b.snap().Doing), 0)
	})
}

// orderJournal checks that nothing was sent when the intent is recorded.
type orderJournal struct {
	Memory
	check func()
}

func (j *orderJournal) Intend(ctx context.Context, in Intent) (uint64, error) {
	j.check()
	return j.Memory.Intend(ctx, in)
}

func TestI6_TheIntentComesFirst(t *testing.T) {
	j := &orderJournal{}
	run(t, func(b *bench, o *Options) {
		j.check = func() { must(t, "requests before the intent", b.f.asked("acquire"), 0) }
		o.Journal = j
	}, func(t *testing.T, b *bench) {
		b.acquire(time.Minute)
		rec := j.Records()[0]
		must(t, "intents", len(j.Records()), 1)
		must(t, "who", rec.Who+" "+rec.Appliance+" "+rec.Engine, "maria dc1 "+b.e.ID())
	})
}

func TestADroppedViewerCutsNothing(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		ctx, drop := context.WithCancel(t.Context())
		b.f.with(func() {
			b.f.before = func(ctx context.Context, call string) error {
				if call == "acquire" {
					drop()
					<-time.After(time.Second)
				}
				return ctx.Err()
			}
		})
		r, err := b.e.Do(ctx, maria, "dc1", up20)
		must(t, "error", err, nil)
		must(t, "outcome", b.notes.Records()[0].Outcome, OutcomeDone)
		synctest.Wait()
		must(t, "mine", b.lock(r.Lock).Mine, true)
		_, err = b.e.Do(ctx, maria, "dc1", appliance.Act{Verb: appliance.VerbRelease, Lock: b.lock(r.Lock).Lock})
		mustIs(t, err, context.Canceled)
		must(t, "sent after the viewer was gone", b.f.asked("release"), 0)
	})
}

// An act's deadline ends what it sends. What became of that is looked for all the same, in a time of its own.
func TestFault_NET02_ADeadlineLeavesTimeToLook(t *testing.T) {
	for _, c := range []struct {
		what   string
		limit  time.Duration // of the act
		own    time.Duration // of the client's request
		effect bool
		listed bool // whether the locks can be listed afterwards
		ends   time.Duration
		says   string
	}{
		{"the client's own limit, with effect", 0, time.Minute, true, true, time.Minute, ""},
		{"the client's own limit, without", 0, time.Minute, false, true, 2*time.Minute + 24*time.Second, "twice; no new lock that fits was seen"},
		{"the act's deadline, with effect", 5 * time.Second, time.Minute, true, true, 5 * time.Second, ""},
		{"nothing could be looked at", 5 * time.Second, time.Minute, false, false, 9 * time.Second, "the locks could not be looked at: unreachable"},
		{"a client without any limit", 0, time.Hour, false, true, 2 * (callLimit + 4*time.Second), "twice; no new lock that fits was seen"},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, nil, func(t *testing.T, b *bench) {
				b.f.with(func() {
					b.f.before = func(ctx context.Context, call string) error {
						if call == "locks" && b.f.asked("acquire") > 0 && !c.listed {
							return appliance.ErrUnreachable
						}
						if call != "acquire" {
							return nil
						}
						if c.effect {
							b.f.with(func() { b.f.put("UP", up20.Claim.TTL, b.clock.Now().Wall) })
						}
						ctx, cancel := context.WithTimeout(ctx, c.own)
						defer cancel()
						<-ctx.Done()
						return fmt.Errorf("%w: not finished", appliance.ErrAmbiguous)
					}
				})
				act := up20
				act.Deadline = c.limit
				from := time.Now()
				r, err := b.do(act)
				must(t, "it took", time.Since(from), c.ends)
				if c.effect {
					must(t, "error", err, nil)
					must(t, "mine", b.lock(r.Lock).Mine, true)
					must(t, "the time it was looked for is no round trip", b.snap().State, StateUp)
					return
				}
				mustIs(t, err, appliance.ErrAmbiguous)
				must(t, err.Error(), strings.Contains(err.Error(), c.says), true)
			})
		})
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		ro := b.add("ro")
		o.Members = []Member{{Appliance: b.f, Name: "dc1"}, {Appliance: ro, Name: "ro", ReadOnly: true}}
	}, func(t *testing.T, b *bench) {
		must(t, "operator", b.e.WhyNot(maria, "dc1", up20), "")
		must(t, "viewer", b.e.WhyNot(otto, "dc1", up20), "your role is viewer, which may only look")
		_, err := b.e.Do(t.Context(), otto, "dc1", up20)
		mustIs(t, err, ErrRefusedByUs)
		_, err = b.e.Do(t.Context(), policy.Person{Name: "eve", Role: policy.Admin}, "ro", up20)
		mustIs(t, err, ErrRefusedByUs)
		mustIs(t, err, appliance.ErrReadOnly)
		_, err = b.e.Do(t.Context(), maria, "nowhere", up20)
		mustIs(t, err, ErrRefusedByUs)
		must(t, "sent", b.f.asked("acquire")+b.fakes[1].asked("acquire"), 0)
	})
}

func TestWhyNotSaysWhatIsWrong(t *testing.T) {
	job := func(id appliance.JobID) appliance.Act { return appliance.Act{Verb: appliance.VerbCancelJob, Job: id} }
	lock := func(v appliance.Verb, id string) appliance.Act {
		return appliance.Act{Verb: v, Lock: appliance.Lock{ID: appliance.LockID(id)}}
	}
	changed := send(appliance.VerbCopy, "/mnt/nas")
	changed.Transfer.Checksum = appliance.Label("other")
	gone := send(appliance.VerbCopy, "/mnt/nas")
	gone.Transfer.Backup = "00000000-0000-0000-0000-000000000000"
	claim := func(scope string, ttl time.Duration) appliance.Act {
		return appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: scope, TTL: ttl}}
	}
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		b.f.locks = []appliance.Lock{foreignLock("A", b.clock.Now().Wall)}
		b.f.jobs = []appliance.Job{
			{ID: "1", Phase: appliance.PhaseRunning, Cancellable: true}, {ID: "2", Phase: appliance.PhaseSucceeded},
			{ID: "3", Phase: appliance.PhaseRunning},
		}
	}, func(t *testing.T, b *bench) {
		foreign := string(b.snap().Locks[0].ID)
		for _, c := range []struct {
			act appliance.Act
			why string
		}{
			{claim("", 0), ""},
			{claim("XX", time.Minute), "there is no lock about XX there"},
			{claim("UP", 48*time.Hour), "a lock lasts from 1s to 24h0m0s"},
			{claim("UP", -time.Second), "a lock lasts from 1s to 24h0m0s"},
			{lock(appliance.VerbRelease, ""), ""},
			{lock(appliance.VerbRelease, foreign), ""},
			{lock(appliance.VerbRelease, "gone"), "the lock is not there any more"},
			{lock(appliance.VerbExtend, foreign), "it is not yours; take one of your own"},
			{send(appliance.VerbCopy, "/mnt/nas"), ""},
			{send(appliance.VerbCopy, "internal"), "it lies there already"},
			{send(appliance.VerbCopy, "nas"), "a destination is internal or the absolute path of a mount point"},
			{changed, "the backup has changed since you looked at it; look again"},
			{gone, "the backup is not there any more"},
			{job("1"), ""},
			{job("2"), "the job has ended"},
			{job("3"), "the appliance does not offer to cancel this job"},
			{job("4"), "the job is not there any more"},
		} {
			must(t, b.e.describe(c.act), b.e.WhyNot(maria, "dc1", c.act), c.why)
			if c.why != "" {
				_, err := b.do(c.act)
				mustIs(t, err, ErrRefusedByUs)
			}
		}
		b.f.with(func() { b.f.health.NoLocks = "locks need LXCA 4.1.0" })
		b.pass(time.Minute)
		must(t, "no locks", b.e.WhyNot(maria, "dc1", claim("UP", time.Minute)), "locks need LXCA 4.1.0")
		b.f.with(func() { b.f.health.MayChange = false })
		b.pass(time.Minute)
		must(t, "a viewer's account", b.e.WhyNot(maria, "dc1", send(appliance.VerbCopy, "/mnt/nas")), "the account admin may only look there")
		must(t, "sent", b.f.asked("acquire", "release", "transfer", "cancel job"), 0)
	})
}

func TestAccountThatMayNotIsTold(t *testing.T) {
	run(t, nil, func(t *testing.T, b *bench) {
		b.f.with(func() {
			b.f.before = func(_ context.Context, call string) error {
				if call == "acquire" {
					return &appliance.Refusal{Status: 403, Kind: appliance.ErrForbidden}
				}
				return nil
			}
		})
		probes := b.f.asked("probe")
		_, err := b.do(up20)
		mustIs(t, err, appliance.ErrForbidden)
		must(t, "outcome", b.notes.Records()[0].Outcome, OutcomeRefused)
		b.pass(time.Second)
		must(t, "what we may is asked again", b.f.asked("probe"), probes+1)
	})
}

func TestFault_CLK03_AfterAStepNothingIsDoneBeforeTheLocksWereListed(t *testing.T) {
	var mu sync.Mutex
	ahead := time.Duration(0)
	run(t, func(b *bench, o *Options) {
		from := time.Now()
		b.clock = stepping(func() (time.Time, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(ahead).Round(0), time.Since(from)
		})
		o.Clock, b.f.clock = b.clock, b.clock
	}, func(t *testing.T, b *bench) {
		id := b.acquire(20 * time.Minute)
		b.pass(3 * time.Second)
		mu.Lock()
		ahead = 2 * time.Hour
		mu.Unlock()
		block := make(chan struct{})
		b.f.with(func() {
			b.f.locks = nil
			b.f.before = func(_ context.Context, call string) error {
				if call == "locks" {
					<-block
				}
				return nil
			}
		})
		_, err := b.do(up20)
		mustIs(t, err, ErrRefusedByUs)
		must(t, "reason", err.Error(), "our clock jumped; it is being asked again first")
		b.pass(2 * time.Second)
		must(t, "still", b.e.WhyNot(maria, "dc1", up20), "our clock jumped; it is being asked again first")
		state, _ := b.lock(id).Term.At(b.clock.Now())
		must(t, "the lock is gone by our clock, and asked for before that is said", state, lease.Gone)
		must(t, "the step is told", strings.Contains(strings.Join(b.events(Warn), "|"), "forward by 2 h 0 min"), true)
		close(block)
		b.pass(time.Second)
		must(t, "after the listing", b.e.WhyNot(maria, "dc1", up20), "")
		must(t, "lock after the listing", b.lock(id), nil)
	})
}
