package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"holdfast/appliance"
)

// Backoff of an appliance that does not answer (faults.md NET-01, NET-09).
const (
	firstRetry   = time.Second
	slowestRetry = time.Minute
	keptRetry    = 5 * time.Second // while locks are kept there, which end if they are not extended
	mostPatience = 5 * time.Minute // the longest Retry-After that is honoured
	// restartTakes is how long an appliance that said that it restarts is still called restarting while it is silent.
	restartTakes = 10 * time.Minute
	// secondTry is the pause before rejected credentials are offered for the second and last time.
	secondTry = 5 * time.Second
	// mostRejections is how often credentials are offered in vain (faults.md TOK-05).
	mostRejections = 2
	// lookPause is the least time between two tries that operators ask for while nothing is sent by itself.
	lookPause = 30 * time.Second
)

// line is how the connection to one appliance stands.
type line struct {
	strikes int // rejections of our credentials in a row
	acts    int // those of acts since the credentials were accepted last: see answered
	// admitted is how often they had been accepted when an act found them rejected.
	admitted uint64
	mute     bool // there is no password, so there is nothing to ask with
	tries    int  // failures to reach it in a row
	lost     bool // the loss was told as an event
	since    appliance.Reading
	looked   appliance.Reading // when an operator's look was last let through
}

// open reports whether nothing may be sent until an operator says so.
func (l *line) open() bool {
	return l.mute || l.strikes >= mostRejections || l.acts >= mostRejections
}

// answered notes that the appliance told how it is. A client may have asked with a token that it was given before the
// credentials went bad: then what acts found out about them stays. The caller holds w.mu.
func (w *watcher) answered() {
	w.line.strikes = 0
	if w.proven() {
		w.line.acts = 0
	}
}

// proven reports whether our credentials were accepted since an act found them rejected, given that a request has just succeeded.
// The caller holds w.mu.
func (w *watcher) proven() bool {
	a, tokens := w.client.(appliance.Admitter)
	return !tokens || a.Admitted() > w.line.admitted
}

// rejectedAct counts a rejection that an act met. The caller holds w.mu.
func (w *watcher) rejectedAct(err error) {
	w.line.acts++
	if a, tokens := w.client.(appliance.Admitter); tokens {
		w.line.admitted = a.Admitted()
	}
	w.strike(err)
}

// retry lets one more try through when nothing is asked any more, and reports whether it did.
func (w *watcher) retry() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.e.clock.Now()
	if w.line.open() {
		if !w.line.looked.IsZero() && now.Since(w.line.looked) < lookPause {
			return false
		}
		w.line.looked = now
	}
	w.line.tries = 0
	if w.line.strikes+w.line.acts > 0 || w.line.mute {
		if f, ok := w.client.(appliance.Forgetter); ok {
			f.ForgetPassword() // it may have been put right meanwhile
		}
	}
	w.line.mute = false
	w.line.strikes, w.line.acts = min(w.line.strikes, mostRejections-1), min(w.line.acts, mostRejections-1)
	return true
}

// judge takes over how a lane's try ended, and returns the plan when the appliance does not answer. Whether it is back is
// decided at the end of the poll, when everything was asked.
func (w *watcher) judge(l lane, err error) *plan {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails[l] = err
	text := ""
	if err != nil {
		text = printable(err)
	}
	if part := w.part(l); part.Err != text {
		part.Err, w.content = text, true
	}
	switch {
	case err == nil:
		w.line.tries = 0
		if l == laneHealth {
			w.answered()
		}
		return nil
	case errors.Is(err, appliance.ErrNoPassword):
		w.line.mute = true
		return w.closed(err)
	case errors.Is(err, appliance.ErrCredentials):
		return w.rejected(err)
	case errors.Is(err, appliance.ErrUntrusted):
		w.away(StateUntrusted, err)
		return w.retryIn(slowestRetry)
	}
	if wait, ok := retryAfter(err); ok || notReady(err) {
		w.away(StateRestarting, err)
		if ok {
			return w.retryIn(wait + w.e.dice.upTo(wait/10+time.Second))
		}
		return w.retryIn(w.backoff())
	}
	if errors.Is(err, appliance.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) {
		state := StateDown
		if w.s.Quiet != nil || w.s.State == StateRestarting && w.e.clock.Now().Since(w.s.Since) < restartTakes {
			state = StateRestarting
		}
		w.away(state, err)
		return w.retryIn(w.backoff())
	}
	w.line.tries = 0 // it answered, if only that it would not or could not
	return nil
}

// notReady reports whether the appliance, or what stands before it, says that it cannot serve now (faults.md NET-08).
func notReady(err error) bool {
	var no *appliance.Refusal
	if errors.As(err, &no) {
		switch no.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
	}
	return errors.Is(err, appliance.ErrBusy)
}

// retryAfter is how long the appliance asks to be left alone, capped.
func retryAfter(err error) (time.Duration, bool) {
	var asks interface{ RetryAfter() time.Duration }
	if errors.As(err, &asks) && asks.RetryAfter() > 0 {
		return min(asks.RetryAfter(), mostPatience), true
	}
	return 0, false
}

// backoff is the next delay: at random between the first and a limit that doubles. The caller holds w.mu.
func (w *watcher) backoff() time.Duration {
	limit := slowestRetry
	if w.line.tries < 6 {
		limit = min(limit, firstRetry<<(w.line.tries+1))
	}
	if len(w.claims.keeps) > 0 {
		limit = min(limit, keptRetry)
	}
	if w.s.Quiet != nil {
		limit = min(limit, quietEvery)
	}
	w.line.tries++
	return firstRetry + w.e.dice.upTo(limit-firstRetry)
}

// back enters a state in which the appliance answers, and tells so when it had not.
func (w *watcher) back(state State) {
	trouble := ""
	if state == StateSlow {
		trouble = "answers slowly"
	}
	w.enter(state, trouble, "")
	if w.line.lost {
		w.line.lost = false
		w.e.event(Good, w.name, "", "answers again, after "+rough(w.e.clock.Now().Since(w.line.since)))
	}
}

// rejected notes that our credentials were rejected: they are offered once more, then never until an operator says so.
func (w *watcher) rejected(err error) *plan {
	if w.line.acts > 0 { // polls that had a token forgave that one
		w.line.strikes = mostRejections - 1
	}
	w.strike(err)
	if w.line.open() {
		p := w.rest(never)
		return &p
	}
	return w.retryIn(secondTry)
}

// closed notes that nothing is sent any more until an operator says so.
func (w *watcher) closed(err error) *plan {
	w.away(StateRefused, err)
	w.s.NextTry = appliance.Reading{}
	w.publish()
	p := w.rest(never)
	return &p
}

// strike counts a rejection. The caller holds w.mu.
func (w *watcher) strike(err error) {
	w.line.strikes++
	if w.line.open() {
		w.closed(err)
		return
	}
	w.s.Trouble, w.s.Advice, w.content = "the credentials were rejected; they are tried once more", "", true
}

// away notes that the appliance does not answer. The loss is told once, and again when it needs another remedy.
func (w *watcher) away(state State, err error) {
	before := w.s.State
	trouble, advice := w.words(state, err)
	w.enter(state, trouble, advice)
	if !w.line.lost {
		w.line.lost, w.line.since = true, w.e.clock.Now()
		w.shake()
	} else if before == state || (state != StateRefused && state != StateUntrusted) {
		return
	}
	level := Warn
	if w.s.Quiet != nil && state == StateRestarting {
		level = Info
	}
	if state == StateRefused || state == StateUntrusted {
		level = Alarm
	}
	w.e.event(level, w.name, "", trouble)
}

// words says in an operator's words what a state means and what to do.
func (w *watcher) words(state State, err error) (trouble, advice string) {
	why := printable(err)
	if errors.Is(err, appliance.ErrUnreachable) || errors.Is(err, appliance.ErrUntrusted) {
		why = appliance.Reason(err)
	}
	switch state {
	case StateRestarting:
		if w.s.Quiet != nil {
			return "is quiet: " + expected[w.s.Quiet.Verb], "wait: it is asked again and again by itself"
		}
		return "is not ready: " + why, "wait: it is asked again by itself"
	case StateRefused:
		if errors.Is(err, appliance.ErrNoPassword) {
			return "cannot be asked without its password: " + why,
				"see to what its settings take the password from (password_env, _file, _command, _keyring or _prompt), then look again" +
					w.notBefore()
		}
		return "does not accept our user name and password: " + why,
			"correct the password, then look again; it is not asked before, so that the account is not locked out" + w.notBefore()
	case StateUntrusted:
		if w.restored {
			return "shows a certificate that is not trusted: " + strings.TrimPrefix(why, appliance.ErrUntrusted.Error()+": "),
				"it may be the key of the backup that was restored: compare its fingerprint with that, then: holdfast trust " + w.name
		}
		return "shows a certificate that is not trusted: " + strings.TrimPrefix(why, appliance.ErrUntrusted.Error()+": "),
			"compare its fingerprint with its own, then: holdfast trust " + w.name + " (a pin in the configuration is changed there)"
	default:
		return "cannot be reached: " + why, "check that it is on and that the network is; it is asked again by itself"
	}
}

// notBefore says when an operator's next look is let through, as the end of an advice.
func (w *watcher) notBefore() string {
	if w.line.looked.IsZero() {
		return ""
	}
	return fmt.Sprintf("; the next try may be made at %s", at(w.line.looked.Wall.Add(lookPause)))
}

// at is a moment of today as an operator reads it.
func at(t time.Time) string { return t.UTC().Format("15:04:05") + " UTC" }

// enter changes the state. The caller holds w.mu.
func (w *watcher) enter(state State, trouble, advice string) {
	if w.s.State != state {
		w.s.State, w.s.Since, w.content = state, w.e.clock.Now(), true
	}
	if w.s.Trouble != trouble || w.s.Advice != advice {
		w.s.Trouble, w.s.Advice, w.content = trouble, advice, true
	}
	if state.Answers() && !w.s.NextTry.IsZero() {
		w.s.NextTry, w.content = appliance.Reading{}, true
	}
}

// retryIn is the plan to ask again after the delay, which the snapshot tells.
func (w *watcher) retryIn(delay time.Duration) *plan {
	now := w.e.clock.Now()
	w.s.NextTry = appliance.Reading{Wall: now.Wall.Add(delay), Run: now.Run + delay}
	w.content = true
	w.publish()
	p := w.rest(delay)
	return &p
}

// review brings state and notices up to date after a poll that was answered. The caller holds w.mu.
//
// It is up only when it told how it is: who refuses that, or answers it with what cannot be read, may be anything.
func (w *watcher) review() {
	unreadable := func(l lane) bool {
		return errors.Is(w.fails[l], appliance.ErrMalformed) || errors.Is(w.fails[l], appliance.ErrTooLarge)
	}
	var bad error
	lists, all := 0, true
	for l := laneLocks; l < laneCount; l++ {
		if w.lanes.has(l) {
			lists++
			all = all && unreadable(l)
			bad = cmp.Or(bad, w.fails[l])
		}
	}
	health := w.fails[laneHealth]
	switch {
	case health != nil && !unreadable(laneHealth):
		w.unreadable("does not tell how it is: "+printable(health),
			"check that the address is the appliance's own, its version, and what the account may do there")
	case health != nil || (lists > 0 && all):
		w.unreadable("answers what cannot be read: "+printable(cmp.Or(health, bad)),
			"check that the address is the appliance's own, not a proxy or a login page, and look at its version")
	case w.s.RoundTrip > slowAfter:
		w.back(StateSlow)
	default:
		w.back(StateUp)
	}
	w.notice()
}

// unreadable notes that the appliance answers and does not tell what it should.
func (w *watcher) unreadable(trouble, advice string) {
	if w.s.State != StateUnreadable && !w.line.lost {
		w.line.lost, w.line.since = true, w.e.clock.Now()
		w.e.event(Warn, w.name, "", trouble)
	}
	w.enter(StateUnreadable, trouble, advice)
}

// rough is a duration in the two largest units that matter.
func rough(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
