package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast/appliance"
)

// lostAnswer has the next call lose its answer, and nobody be able to tell what came of it.
func lostAnswer(b *bench, x *edge, call string) {
	b.f.with(func() {
		x.settle = func() (bool, error) { x.holder = appliance.HolderUnknown; return false, appliance.ErrUnreachable }
		b.f.before = on(call, appliance.ErrAmbiguous)
	})
}

// answered has it be found out from now on.
func answered(b *bench, x *edge, held bool) {
	b.f.with(func() {
		x.settle = func() (bool, error) {
			if x.holder = appliance.HolderNobody; held {
				x.holder, x.token = appliance.HolderYou, x.stamp()
			}
			return held, nil
		}
	})
}

// What was asked for without an answer and given up since is given back once it is found, by itself: an operator released it, or
// waited for it no longer.
func TestFault_LCK09_GivenUpMeanwhile(t *testing.T) {
	for name, giveUp := range map[string]func(t *testing.T, b *bench, x *edge){
		"released": func(t *testing.T, b *bench, x *edge) {
			lostAnswer(b, x, "acquire")
			_, err := b.do(takeConf)
			mustIs(t, err, appliance.ErrAmbiguous)
			_, err = b.do(freeConf)
			mustIs(t, err, appliance.ErrAmbiguous)
		},
		"waited for no longer": func(t *testing.T, b *bench, x *edge) {
			done := b.waiting(t.Context(), x)
			lostAnswer(b, x, "acquire")
			b.pass(21 * time.Second)
			b.e.StopWaiting("dc1")
			b.pass(time.Second)
			mustIs(t, <-done, appliance.ErrAmbiguous)
		},
		"not wanted": func(t *testing.T, b *bench, x *edge) {
			lostAnswer(b, x, "acquire")
			_, err := b.do(takeConf)
			mustIs(t, err, appliance.ErrAmbiguous)
			must(t, "unwanted", b.e.Unwant(t.Context(), maria, "dc1"), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				giveUp(t, b, x)
				answered(b, x, true)
				b.pass(time.Minute)
				must(t, "row"+b.story(), b.row(), "mine=false nobody")
				must(t, "given back", b.f.asked("release"), 1)
			})
		})
	}
}

// Who waits for the lock asks himself: what he was granted without an answer is his, and the wait ends well.
func TestFault_LCK09_TheWaitFindsItself(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		done := b.waiting(t.Context(), x)
		lostAnswer(b, x, "acquire")
		b.pass(15 * time.Second)
		answered(b, x, true)
		b.pass(time.Minute)
		must(t, "the wait"+b.story(), <-done, nil)
		must(t, "row", b.row(), "mine=true you")
	})
}

// A release whose answer was lost, and that is found to have happened, is no loss.
func TestFault_LCK08_FoundToBeGivenBack(t *testing.T) {
	for name, release := range map[string]func(t *testing.T, b *bench){
		"asked for": func(t *testing.T, b *bench) {
			_, err := b.do(freeConf)
			mustIs(t, err, appliance.ErrAmbiguous)
		},
		"owed": func(t *testing.T, b *bench) {
			must(t, "owed", b.e.Owe(t.Context(), maria, "dc1", appliance.ConfigurationLock), nil)
			for b.f.asked("release") == 0 {
				b.pass(100 * time.Millisecond)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				_, err := b.do(takeConf)
				must(t, "error", err, nil)
				b.pass(time.Minute)
				lostAnswer(b, x, "release")
				release(t, b)
				answered(b, x, false)
				b.pass(time.Minute)
				must(t, "lost"+b.story(), len(b.snap().Lost), 0)
				must(t, "alarms", len(b.events(Alarm)), map[string]int{"asked for": 1}[name]) // that it was not known
				must(t, "row", b.row(), "mine=false nobody")
			})
		})
	}
}

// Once it is known whose the lock is, what was asked for before says nothing more of it: that it is lost later is said, after it was
// extended as after the appliance refused to take it back.
func TestFault_LCK08_LostLater(t *testing.T) {
	for name, then := range map[string]func(t *testing.T, b *bench){
		"extended": func(t *testing.T, b *bench) {
			_, err := b.do(extendConf)
			must(t, "error", err, nil)
		},
		"not taken back": func(t *testing.T, b *bench) {
			b.f.with(func() { b.f.before = on("release", appliance.ErrForbidden) })
			_, err := b.do(freeConf)
			mustIs(t, err, appliance.ErrForbidden)
			b.f.with(func() { b.f.before = nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			onEdge(t, func(t *testing.T, b *bench, x *edge) {
				_, err := b.do(takeConf)
				must(t, "error", err, nil)
				lostAnswer(b, x, "release")
				_, err = b.do(freeConf)
				mustIs(t, err, appliance.ErrAmbiguous)
				answered(b, x, true)
				then(t, b)
				must(t, "row", b.row(), "mine=true you")
				b.f.with(func() { x.holder = appliance.HolderAnother })
				b.pass(time.Minute)
				must(t, "lost"+b.story(), len(b.snap().Lost), 1)
			})
		})
	}
}

// One rejection is one, whoever it was that asked.
func TestFault_TOK05_TheQuestionCountsOnce(t *testing.T) {
	onEdge(t, func(t *testing.T, b *bench, x *edge) {
		lostAnswer(b, x, "acquire")
		_, err := b.do(takeConf)
		mustIs(t, err, appliance.ErrAmbiguous)
		b.f.with(func() {
			x.settle = func() (bool, error) {
				x.holder = appliance.HolderUnknown
				return false, fmt.Errorf("401: %w", appliance.ErrCredentials)
			}
		})
		asked := b.f.asked("settle")
		for b.f.asked("settle") == asked {
			b.pass(time.Second)
		}
		b.pass(time.Minute)
		must(t, "state", b.snap().State, StateUp)
		must(t, "asked again by itself", b.f.asked("settle"), asked+1)
	})
}

// What an earlier run asked for is not looked for beyond the time that the lock would have lasted, where nobody can be asked; until
// when is no time that is past.
func TestFault_LCK02_NotSoughtForEver(t *testing.T) {
	l := newLedger()
	run(t, func(b *bench, o *Options) {
		askedByZero(t, b, o, l)
	}, func(t *testing.T, b *bench) {
		b.f.with(func() { b.f.before = func(context.Context, string) error { return appliance.ErrUnreachable } })
		b.pass(5 * time.Second)
		now, until := b.clock.Now().Wall, b.snap().Doubts[0].Until.Wall
		must(t, fmt.Sprintf("at %s until %s", now, until), until.After(now), true)
		b.pass(up20.Claim.TTL)
		must(t, "open", l.open(), 1)
		b.pass(2 * lateEffect)
		must(t, "open later", l.open(), 0)
	})
}
