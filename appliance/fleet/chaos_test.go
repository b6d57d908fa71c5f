package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// offset is an appliance whose clock was set by so much after it had made its locks: what it lists bears the old time, its Date
// the new one.
type offset struct {
	*fake
	by time.Duration
}

func (o *offset) Locks(ctx context.Context) (appliance.LockList, error) {
	list, err := o.fake.Locks(ctx)
	o.with(func() { list.Stamp.Date = list.Stamp.Date.Add(o.by) })
	return list, err
}

// An inherited lock whose appliance's clock was set forward is listed beyond the end that follows from the list. It is not lost
// and found again with each poll.
func TestFault_CLK02_SetForwardUnderAnInheritedLock(t *testing.T) {
	onLedger(t, func(t *testing.T, b *bench, l *ledger, _ *victim) {
		id := b.acquire(20 * time.Minute)
		b.e.Close()
		l.end("one")
		next := b.another(t, l, "two", &offset{b.f, 30 * time.Minute})
		for range 120 {
			b.pass(time.Second)
			must(t, "mine"+next.story(), next.lock(id) != nil && next.lock(id).Mine, true)
		}
		must(t, "lost and found"+next.story(), strings.Contains(next.story(), "is still there"), false)
		b.pass(19 * time.Minute)
		must(t, "row after its end", next.lock(id), nil)
	})
}
