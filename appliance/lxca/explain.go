package lxca

import (
	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// Explain tells the requests that an act sends, in order. They are the very values that the act is sent from. An act that
// is not an LXCA's, or whose members are not usable, has none.
func (c *Client) Explain(a appliance.Act) []appliance.Call {
	requests, err := requestsOf(a)
	if err != nil {
		return nil
	}
	calls := make([]appliance.Call, 0, len(requests))
	for _, r := range requests {
		calls = append(calls, c.transport.Call(r, "basic", c.user))
	}
	return calls
}

// requestsOf are the requests of an act. An extension is by overlap, as there is no call that renews: a new lock, the
// look at both, the release of the old one (api/lxca.md 2.5).
func requestsOf(a appliance.Act) ([]transport.Request, error) {
	one := func(r transport.Request, err error) ([]transport.Request, error) { return []transport.Request{r}, err }
	switch a.Verb {
	case appliance.VerbAcquire:
		return one(acquireRequest(a.Claim))
	case appliance.VerbExtend:
		acquire, err := acquireRequest(appliance.Claim{Scope: a.Lock.Scope.Code, TTL: a.Claim.TTL})
		if err != nil {
			return nil, err
		}
		release, err := releaseRequest(a.Lock.ID)
		return []transport.Request{acquire, get(pathLocks), release}, err
	case appliance.VerbRelease:
		return one(releaseRequest(a.Lock.ID))
	case appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush:
		t := a.Transfer
		t.Verb = a.Verb
		return one(transferRequest(t))
	case appliance.VerbCancelPush:
		return one(cancelPushRequest(), nil)
	case appliance.VerbCancelJob:
		return one(cancelJobRequest(a.Job))
	default:
		return nil, appliance.ErrUnsupported
	}
}
