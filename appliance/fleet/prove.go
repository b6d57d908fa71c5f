package fleet

import (
	"context"
	"errors"
	"fmt"

	"holdfast/appliance"
	"holdfast/appliance/lease"
	"holdfast/appliance/policy"
)

// A lock that is bound to a token ends unseen: with a restart of the appliance, a switch-over, or by the hand of somebody at its
// own console. No listing tells; its client only remembers (api/ecb.md 2.3, 3.4). So it is called ours no more once the appliance
// was away, or its client has reason to doubt, until that was asked by a request that changes nothing (api/ecb.md 2.2).

// shake notes that an exclusive lock of ours may end unseen from now on, as the appliance does not answer. The caller holds w.mu.
func (w *watcher) shake() {
	if w.doubter == nil {
		return
	}
	for _, o := range w.claims.own {
		if o.lock.Exclusive {
			o.unproven = true
			w.doubter.Doubt()
			w.showLocks()
		}
	}
}

// askProof has it asked whether a lock that may have been lost is ours still. The caller holds w.mu.
func (w *watcher) askProof(now appliance.Reading) {
	for _, o := range w.claims.own {
		if state, _ := o.term.At(now); o.unproven && state != lease.Held {
			w.showLocks()
		}
	}
	if !w.s.State.Answers() {
		return
	}
	for id, o := range w.claims.own {
		if !o.unproven || o.owed != nil || o.proof.busy || now.Run < o.proof.next {
			continue
		}
		o.proof.busy = true
		by, act := policy.Person{Name: o.who, Role: policy.Operator}, appliance.Act{Verb: appliance.VerbProve, Lock: o.lock}
		w.spawn(func(ctx context.Context) {
			defer func() {
				w.mu.Lock()
				defer w.mu.Unlock()
				if o := w.claims.own[id]; o != nil && o.proof.busy {
					o.proof.again(w.e, o.ttl)
				}
			}()
			_, _ = w.e.do(ctx, w.name, errand{p: by, act: act, auto: true}) // the row tells it
		})
	}
}

// prove asks whether a lock that may have been lost is ours still.
func (x *errand) prove() (Result, error) {
	if x.open() {
		return x.answerOpen()
	}
	ctx, cancel := x.call()
	defer cancel()
	held, err := x.doubter.Settle(ctx)
	switch {
	case errors.Is(err, appliance.ErrCredentials):
		return Result{}, err
	case err != nil: // nothing was changed, so that nothing is open
		return Result{}, fmt.Errorf("%w: %s", errNoEffect, printable(err))
	case !held:
		return Result{}, x.takenAway(x.act.Lock.ID, fmt.Errorf("%w: the appliance was asked", appliance.ErrNotHeld))
	}
	x.relist()
	return Result{Text: "asked whether " + name(x.act.Lock) + " is still yours: it is", Lock: x.act.Lock.ID}, nil
}
