package xclarity

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/appliance/sim/kit"
)

// Account policy (api/lxca.md 1.3 and 1.4).
const (
	inactivity    = 1440 * time.Minute
	maxSessions   = 3
	maxFailures   = 20
	lockoutTime   = 60 * time.Minute
	sessionCookie = "JSESSIONID"
)

// session is a login that has not ended.
type session struct {
	id, csrf, address string
	user              kit.Account
	created           time.Time // appliance clock
	used              time.Time // base clock
}

// failures counts the wrong passwords of one user.
type failures struct {
	n     int
	until time.Time // base clock; the account is locked until then
}

// door knows who may come in: basic credentials on any request, or a session with its token.
type door struct {
	accounts []kit.Account
	clock    *kit.Clock
	switches *kit.Switches

	mu       sync.Mutex
	sessions map[string]*session
	failed   map[string]*failures // by user in lower case
}

func newDoor(accounts []kit.Account, clock *kit.Clock, switches *kit.Switches) *door {
	return &door{
		accounts: accounts, clock: clock, switches: switches,
		sessions: map[string]*session{}, failed: map[string]*failures{},
	}
}

// check tells whether the credentials are right, and counts wrong ones: after maxFailures the account is locked and
// even the right password is refused.
func (d *door) check(user, password string) (kit.Account, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := strings.ToLower(user)
	f := d.failed[key]
	if f != nil && !f.until.IsZero() {
		if d.clock.Base().Before(f.until) {
			return kit.Account{}, false
		}
		delete(d.failed, key)
		f = nil
	}
	acc, ok := kit.Find(d.accounts, user, password)
	if ok {
		delete(d.failed, key)
		return acc, true
	}
	if f == nil {
		f = &failures{}
		d.failed[key] = f
	}
	if f.n++; f.n >= maxFailures {
		f.until = d.clock.Base().Add(lockoutTime)
	}
	return kit.Account{}, false
}

// attempts is the number of wrong passwords since the last right one.
func (d *door) attempts(user string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.failed[strings.ToLower(user)]; f != nil {
		return f.n
	}
	return 0
}

// enter finds out who sends a request. The refusal is nil when somebody known does.
func (d *door) enter(r *http.Request) (kit.Account, *session, *problem) {
	if user, password, ok := r.BasicAuth(); ok {
		acc, ok := d.check(user, password)
		if !ok {
			return kit.Account{}, nil, &problem{status: http.StatusUnauthorized, id: "FQXHMSE9001J",
				text: "The user name or password is not valid.", recovery: "Check the user name and password, then try again."}
		}
		return acc, nil, nil
	}
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return kit.Account{}, nil, &problem{status: http.StatusUnauthorized, id: "FQXHMSE9002J",
			text: "Authentication is required.", recovery: "Provide a user name and password."}
	}
	s := d.session(c.Value, r.Header.Get("X-NOT-USER-INPUT") != "checkSession")
	if s == nil {
		status, _ := strconv.Atoi(d.switches.Get(swSessionExpired)) // the switch has only numbers
		return kit.Account{}, nil, &problem{status: status, id: "FQXHMSE9003J",
			text: "The session has ended.", recovery: "Log in again."}
	}
	if (writes(r) || d.switches.Is(swCSRFOnGet, "required")) && r.Header.Get("X-Csrf-Token") != s.csrf {
		return kit.Account{}, nil, &problem{status: http.StatusForbidden, id: "FQXHMSE9004J",
			text: "The X-Csrf-Token header is missing or not valid.", recovery: "Send the token of the session."}
	}
	return s.user, s, nil
}

// writes reports whether a request may change something.
func writes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// session returns a living session, renewed when asked to.
func (d *door) session(id string, renew bool) *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	s := d.sessions[id]
	if s != nil && renew {
		s.used = d.clock.Base()
	}
	return s
}

// sweep ends the sessions that nobody used. It is called with mu held.
func (d *door) sweep() {
	now := d.clock.Base()
	for id, s := range d.sessions {
		if now.Sub(s.used) >= inactivity {
			delete(d.sessions, id)
		}
	}
}

// open makes a session, or nil when the user has too many already.
func (d *door) open(acc kit.Account, address string) *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	n := 0
	for _, s := range d.sessions {
		if s.user.User == acc.User {
			n++
		}
	}
	if n >= maxSessions {
		return nil
	}
	s := &session{id: rand.Text(), csrf: rand.Text(), address: address, user: acc, created: d.clock.Now(), used: d.clock.Base()}
	d.sessions[s.id] = s
	return s
}

// end closes a session and reports whether there was one.
func (d *door) end(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.sessions[id]
	delete(d.sessions, id)
	return ok
}

// endAll closes every session.
func (d *door) endAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.sessions)
}

// all returns copies of the living sessions.
func (d *door) all() []session {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	list := make([]session, 0, len(d.sessions))
	for _, s := range d.sessions {
		list = append(list, *s)
	}
	return list
}
