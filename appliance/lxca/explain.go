package lxca

import (
	"strings"

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
		call := c.transport.Call(r, "basic", c.user)
		if r.SecretBody {
			call.Body = shownBody(r.Body)
		}
		calls = append(calls, call)
	}
	return calls
}

// placeholder stands for the passphrase in a request that is only shown. It cannot be part of anything else in a body of ours:
// no label may hold it, and JSON escapes it there.
const placeholder = "\ufdd0"

// unsaid is the passphrase of an act that is only shown.
type unsaid struct{}

// Reveal is what stands for it.
func (unsaid) Reveal() string { return placeholder }

// shownBody is a body for showing, as a line of a shell may hold it: $PASSPHRASE stands for the passphrase, and no other dollar
// sign is left.
func shownBody(body []byte) string {
	return strings.ReplaceAll(strings.ReplaceAll(string(body), "$", `\u0024`), placeholder, "$PASSPHRASE")
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
	case appliance.VerbCreate:
		return one(createRequest(a.Making, unsaid{}))
	case appliance.VerbDelete:
		return one(deleteRequest(a.Transfer.Backup, appliance.Location(a.Transfer.Destination)))
	case appliance.VerbProcess:
		return one(processRequest(unsaid{}))
	case appliance.VerbPrepare:
		return one(prepareRequest(a.Restore.Backup, unsaid{}))
	case appliance.VerbRestore:
		return one(restoreRequest(a.Restore, nil))
	default:
		return nil, appliance.ErrUnsupported
	}
}
