package fleet

import (
	"context"
	"fmt"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/lease"
)

// doubter is an edge whose client tells from memory whose the lock is.
type doubter struct {
	*edge
	shaken bool
	truth  appliance.Holder // what the appliance would say
}

func (x *doubter) Doubt() { x.with(func() { x.shaken = true }) }

func (x *doubter) Locks(ctx context.Context) (list appliance.LockList, err error) {
	list.Stamp, err = x.call(ctx, "locks", func(appliance.Stamp) {
		one := x.one()
		if x.shaken && x.holder == appliance.HolderYou {
			one.Holder = appliance.HolderUnknown
		}
		list.Locks = []appliance.Lock{one}
	})
	return list, err
}

func (x *doubter) Settle(ctx context.Context) (held bool, err error) {
	_, err = x.call(ctx, "settle", func(appliance.Stamp) {
		x.shaken, held = false, x.truth == appliance.HolderYou
		if !held {
			x.holder = x.truth
		}
	})
	return held, err
}

// onDoubter runs body on an engine that holds the lock.
func onDoubter(t *testing.T, body func(t *testing.T, b *bench, x *doubter)) {
	t.Helper()
	var x *doubter
	run(t, func(b *bench, o *Options) {
		x = &doubter{edge: &edge{fake: b.f, holder: appliance.HolderNobody}, truth: appliance.HolderYou}
		o.Members = []Member{{Appliance: x, Name: "dc1"}}
	}, func(t *testing.T, b *bench) {
		_, err := b.do(takeConf)
		must(t, "error", err, nil)
		b.pass(11 * time.Second)
		must(t, "held", b.row(), "mine=true you")
		body(t, b, x)
	})
}

// While an appliance is away that told nobody whether it goes on with the lock, and until it was asked, the row claims nothing; it
// is asked as soon as it is back.
func TestFault_LCK10_ProvedAfterAnOutage(t *testing.T) {
	for _, truth := range []appliance.Holder{appliance.HolderYou, appliance.HolderAnother, appliance.HolderUnknown} {
		onDoubter(t, func(t *testing.T, b *bench, x *doubter) {
			_, err := b.do(keepAct(conf))
			must(t, "error", err, nil)
			b.f.with(func() { b.f.before, x.truth = fails(appliance.ErrUnreachable), truth })
			b.pass(90 * time.Second)
			row := b.snap().Locks[0]
			must(t, "while it is away: "+b.row(), row.Unproven && !row.Term.Known && row.Kept, true)
			must(t, "its holder", row.Holder, appliance.HolderUnknown)
			b.f.with(func() { b.f.before = on("settle", fmt.Errorf("busy: %w", appliance.ErrBusy)) })
			for !b.snap().State.Answers() {
				b.pass(time.Second)
			}
			b.pass(5 * time.Second)
			must(t, "while it cannot be asked: "+b.row(), b.snap().Locks[0].Unproven, true)
			tries := b.f.asked("settle")
			must(t, fmt.Sprintf("%d tries", tries), tries >= 2 && tries < 8, true)
			b.f.with(func() { b.f.before = nil })
			b.pass(12 * time.Second)
			must(t, "in doubt"+b.story(), b.snap().Locks[0].Unproven, false)
			for _, r := range b.notes.Records() {
				must(t, fmt.Sprintf("%s is settled, and nothing is open", r.Act.Verb), r.Outcome == OutcomeDone || r.Outcome == OutcomeRefused, true)
			}
			settled := b.f.asked("settle")
			b.pass(time.Minute)
			must(t, "asked once", b.f.asked("settle"), settled)
			if truth == appliance.HolderYou {
				must(t, "row", b.row(), "mine=true you")
				must(t, "kept", b.kept(), conf.ID)
				mustSay(t, b.events(Info), "asked whether configuration is still yours: it is")
				return
			}
			must(t, "row", b.row(), "mine=false "+string(truth))
			must(t, "losses", len(b.snap().Lost), 1)
			mustSay(t, b.events(Alarm), "lock configuration is lost")
		})
	}
}

// What its client alone has reason to doubt is asked too.
func TestFault_LCK10_ProvedWhenItsClientDoubts(t *testing.T) {
	onDoubter(t, func(t *testing.T, b *bench, x *doubter) {
		b.f.with(func() { b.f.before = on("settle", fmt.Errorf("busy: %w", appliance.ErrBusy)) })
		x.Doubt()
		b.pass(11 * time.Second)
		must(t, "row", b.snap().Locks[0].Unproven, true)
		mustSay(t, b.events(Warn), "whether the lock configuration is still ours is not known")
		b.f.with(func() { b.f.before = nil })
		b.pass(12 * time.Second)
		must(t, "row"+b.story(), b.row()+fmt.Sprint(b.snap().Locks[0].Unproven, b.snap().Locks[0].Term.Known), "mine=true youfalse true")
		must(t, "losses", len(b.snap().Lost), 0)
	})
}

// What is in doubt may be given back: that tells as well, and needs no proof before.
func TestFault_LCK10_ReleasedInDoubt(t *testing.T) {
	onDoubter(t, func(t *testing.T, b *bench, x *doubter) {
		b.f.with(func() { b.f.before = on("settle", fmt.Errorf("busy: %w", appliance.ErrBusy)) })
		x.Doubt()
		b.pass(11 * time.Second)
		_, err := b.do(freeConf)
		must(t, "error", err, nil)
		must(t, "row", b.row(), "mine=false nobody")
	})
}

// Nobody relies on a lock in doubt beyond what our own clocks say: once it may be over, the row says so, and then that it has ended.
func TestFault_LCK10_InDoubtToItsEnd(t *testing.T) {
	onDoubter(t, func(t *testing.T, b *bench, x *doubter) {
		b.f.with(func() { b.f.before = fails(appliance.ErrUnreachable) })
		end := b.snap().Locks[0].Term
		b.pass(time.Minute)
		must(t, "its end is not claimed", b.snap().Locks[0].Unproven && !b.snap().Locks[0].Term.Known, true)
		for b.clock.Now().Run <= end.HeldUntil+time.Second {
			b.pass(time.Second)
		}
		row := b.snap().Locks[0]
		state, _ := row.Term.At(b.clock.Now())
		must(t, "once it may be over", row.Unproven && state == lease.Expiring, true)
		for b.clock.Now().Run <= end.GoneAfter+time.Second {
			b.pass(time.Second)
		}
		must(t, "ours", b.snap().Locks[0].Mine, false)
		mustSay(t, b.events(Warn), "lock configuration of yours has ended")
	})
}
