package broker

import (
	"net/http"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// hold is the configuration lock while somebody has it.
type hold struct {
	source string // SourceREST, SourceGUI or SourceACLI
	token  *token // nil unless the source is REST; only a token gives the lock an end
}

// Who may hold the configuration lock (api/ecb.md 8).
const (
	SourceREST = "rest"
	SourceGUI  = "gui"
	SourceACLI = "acli"
)

// sweepDelay is how long a dead token's lock lingers under the switch lock-at-expiry=swept.
const sweepDelay = 5 * time.Second

func (h *hold) id() string {
	if h.token != nil {
		return h.token.id()
	}
	return h.source
}

func (h *hold) owner() string {
	if h.token != nil {
		return h.token.account.User
	}
	return h.source
}

// owns reports whether a caller with this token may do what needs the lock.
func (a *Appliance) owns(t *token) bool {
	if a.lock == nil || a.lock.token == nil {
		return false
	}
	if a.switches.Is(swOwnership, "user") {
		return strings.EqualFold(a.lock.token.account.User, t.account.User)
	}
	return a.lock.token == t
}

// effect is something that happens to the lock.
func (h *hold) effect(what, more string) kit.Effect {
	return kit.Effect{What: what, ID: h.id(), More: more, Scope: "configuration"}
}

// ending is the effect with the end that the lock has by its token.
func (h *hold) ending(e kit.Effect, now time.Time) kit.Effect {
	if h.token != nil {
		e.Ends, e.TTL = h.token.expires, int64(h.token.expires.Sub(now)/time.Second)
	}
	return e
}

// grant gives the lock to somebody; by is who asked, the holder himself where nobody is named.
func (a *Appliance) grant(h *hold, by kit.Asker, now time.Time) {
	a.lock = h
	a.record(now, by.As(h.owner()), h.ending(h.effect("lock.granted", h.source), now))
}

// release frees the lock and deals with unsaved edits as the given switch says.
func (a *Appliance) release(at time.Time, what string, by kit.Asker, more, edits string) {
	a.record(at, by, a.lock.effect(what, more))
	a.lock = nil
	if a.switches.Is(edits, "discarded") {
		a.config.editing = a.config.saved
	}
}

// prepareLock plays POST configuration/lock (api/ecb.md 3.1 and the first row of the transitions in 8).
func (a *Appliance) prepareLock(c *call) (func() reply, *reply) {
	return func() reply {
		if a.standby() {
			if bad := a.standbyAnswer(); bad != nil {
				return *bad
			}
		}
		switch {
		case a.lock == nil:
			a.grant(&hold{source: SourceREST, token: c.token}, c.asker(), c.now)
			return noContent()
		case a.owns(c.token) && a.switches.Is(swRelock, "204"):
			return noContent()
		default:
			return a.lockRefused()
		}
	}, nil
}

func (a *Appliance) standby() bool {
	return a.switches.Is(swRole, "standby") || a.switches.Is(swRole, "out-of-service")
}

func (a *Appliance) standbyAnswer() *reply {
	switch value := a.switches.Get(swStandbyLock); value {
	case "204":
		return nil
	case "423":
		rep := a.lockRefused()
		return &rep
	default:
		return refuse(statusCode(value), textStandby)
	}
}

func (a *Appliance) lockRefused() reply {
	switch a.switches.Get(swLockText) {
	case "no-lock":
		return failure(http.StatusLocked, textNoLock)
	case "other":
		return failure(http.StatusLocked, "Configuration is being modified by another session.")
	case "empty":
		return failure(http.StatusLocked, "")
	}
	return failure(http.StatusLocked, textLocked)
}

// prepareUnlock plays POST configuration/unlock; the check of the lock has turned away everybody but the owner.
func (a *Appliance) prepareUnlock(c *call) (func() reply, *reply) {
	return func() reply {
		a.release(c.now, "lock.released", c.asker(), "unlock", swEditsAtUnlock)
		return noContent()
	}, nil
}
