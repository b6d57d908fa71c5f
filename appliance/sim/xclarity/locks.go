package xclarity

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// Components are the codes that a lock may name (api/lxca.md 2).
var Components = []string{
	"CN", "CP", "CR", "DI", "DM", "DS", "EM", "FC", "JM", "MF", "MI", "NM", "RC", "SE", "SP", "SS", "ST", "TS", "UP", "UI",
}

// maxTimeout bounds a lock's life in seconds; the vendor names no bound, an integer of 32 bits is likely.
const maxTimeout = math.MaxInt32

// lock is a living claim on the SFTP service.
type lock struct {
	id, component, by string
	created           time.Time // appliance clock
	seconds           int64
	ends              time.Time // base clock
}

// effect is something that happened to the lock.
func (l *lock) effect(what string) kit.Effect {
	return kit.Effect{What: what, ID: l.id, More: l.component, Scope: l.component}
}

// Lock is what a test may see of a lock.
type Lock struct {
	ID, Component, By string
	Ends              time.Time // base clock
}

// lockWire is a lock as it is sent (api/lxca.md 2.1).
type lockWire struct {
	ID                string `json:"id"`
	Component         string `json:"component"`
	CreationTimestamp any    `json:"creationTimestamp"`
	ExpirationTimeOut any    `json:"expirationTimeOut"`
}

// Locks returns the locks that live now.
func (a *Appliance) Locks() []Lock {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Lock, 0, len(a.locks))
	for _, l := range a.locks {
		list = append(list, Lock{ID: l.id, Component: l.component, By: l.by, Ends: l.ends})
	}
	return list
}

// AddForeignLock takes a lock as somebody else and returns its id.
func (a *Appliance) AddForeignLock(component string, ttl time.Duration) string {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.grant(component, int64(ttl/time.Second), other, a.clock.Base()).id
}

// RemoveLock releases a lock as somebody else and reports whether there was one.
func (a *Appliance) RemoveLock(id string) bool {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.release(id, other)
}

// SFTPRunning reports whether the SFTP service runs.
func (a *Appliance) SFTPRunning() bool {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sftp
}

// seedLocks makes n foreign locks that were taken a while ago and live for at least an hour more.
func (a *Appliance) seedLocks(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	for range n {
		age := time.Duration(a.rng.IntN(30*60)) * time.Second
		left := 70*time.Minute + time.Duration(a.rng.IntN(23*60*60))*time.Second
		a.grant(Components[a.rng.IntN(len(Components))], int64((age+left)/time.Second), other, now.Add(-age))
	}
}

// grant makes a lock that began at the base time began. It is called with mu held.
func (a *Appliance) grant(component string, seconds int64, by kit.Asker, began time.Time) *lock {
	id := a.hex(32)
	if a.switches.Is(swLockCase, "upper") {
		id = strings.ToUpper(id)
	}
	now := a.clock.Base()
	l := &lock{
		id: id, component: component, by: by.User, seconds: seconds,
		created: a.clock.Now().Add(began.Sub(now)).Truncate(time.Millisecond), ends: began.Add(time.Duration(seconds) * time.Second),
	}
	a.locks = append(a.locks, l)
	granted := l.effect("lock.granted")
	granted.More, granted.TTL, granted.Ends = fmt.Sprintf("%s %d", component, seconds), seconds, l.ends.Round(0)
	a.record(now, by, granted)
	if !a.sftp {
		a.sftp = true
		a.record(now, itself, kit.Effect{What: "sftp.started"})
	}
	a.lockDue = min(a.lockDue, l.ends.UnixNano())
	a.dueAt(l.ends)
	return l
}

// release deletes a lock by hand. The service goes on when a dbgshell account exists. It is called with mu held.
func (a *Appliance) release(id string, by kit.Asker) bool {
	i := a.lockIndex(id)
	if i >= 0 {
		a.takeOff(i, by, "lock.released")
	}
	return i >= 0
}

// takeOff takes the i-th lock off the list before its time. It is called with mu held.
func (a *Appliance) takeOff(i int, by kit.Asker, what string) {
	now := a.clock.Base()
	a.record(now, by, a.locks[i].effect(what))
	a.locks = slices.Delete(a.locks, i, i+1)
	if a.switches.Is(swDebugShell, "absent") {
		a.stopIdle(now)
	}
}

// expireLocks ends the locks whose time is over, in the order of their ends. It is called with mu held.
func (a *Appliance) expireLocks(now time.Time) {
	if now.UnixNano() < a.lockDue {
		return
	}
	var over []*lock
	a.lockDue = never
	a.locks = slices.DeleteFunc(a.locks, func(l *lock) bool {
		if !l.ends.After(now) {
			over = append(over, l)
			return true
		}
		a.lockDue = min(a.lockDue, l.ends.UnixNano())
		return false
	})
	slices.SortStableFunc(over, func(x, y *lock) int { return x.ends.Compare(y.ends) })
	for _, l := range over {
		a.record(l.ends, itself, l.effect("lock.expired"))
	}
	if len(over) > 0 {
		a.stopIdle(over[len(over)-1].ends)
	}
}

// stopIdle stops the service when no lock is left. It is called with mu held.
func (a *Appliance) stopIdle(at time.Time) {
	if a.sftp && len(a.locks) == 0 {
		a.sftp = false
		a.record(at, itself, kit.Effect{What: "sftp.stopped"})
	}
}

func (a *Appliance) lockIndex(id string) int {
	return slices.IndexFunc(a.locks, func(l *lock) bool { return l.id == id })
}

// lockWire renders a lock. It is called with mu held.
func (a *Appliance) lockWire(l *lock) lockWire {
	seconds := l.seconds
	if a.switches.Is(swLockTimeout, "remaining") {
		seconds = int64(math.Ceil(l.ends.Sub(a.clock.Base()).Seconds()))
	}
	return lockWire{l.id, l.component, a.stamp(l.created, millisForm), a.number(seconds)}
}

// getLocks lists every lock, whoever holds it (api/lxca.md 2.1).
func (a *Appliance) getLocks(*call) answer {
	a.mu.Lock()
	list := make([]lockWire, 0, len(a.locks))
	for _, l := range a.locks {
		list = append(list, a.lockWire(l))
	}
	a.mu.Unlock()
	if len(list) == 0 {
		switch a.switches.Get(swEmptyList) {
		case "array":
			return answer{status: http.StatusOK, body: list}
		case "null":
			return answer{status: http.StatusOK, chunks: [][]byte{[]byte("null")}}
		case "empty":
			return answer{status: http.StatusOK}
		}
		return answer{status: http.StatusNoContent}
	}
	switch shape := a.switches.Get(swLockList); {
	case shape == "wrapped":
		return answer{status: http.StatusOK, body: map[string]any{"locks": list, "result": "success", "messages": []any{}}}
	case shape == "single" && len(list) == 1:
		return answer{status: http.StatusOK, body: list[0]}
	}
	return answer{status: http.StatusOK, body: list}
}

// noLock is the refusal for a lock that is not there.
func (a *Appliance) noLock(status int) answer {
	return a.refuse(status, "FQXHMCR9004J", "The SFTP service lock was not found.", "It may have expired.", "List the locks.")
}

// getLock tells one lock (api/lxca.md 2.2).
func (a *Appliance) getLock(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := a.lockIndex(c.id); i >= 0 {
		return answer{status: http.StatusOK, body: a.lockWire(a.locks[i])}
	}
	if a.switches.Is(swLockUnknown, "empty") {
		return answer{status: http.StatusOK}
	}
	status := a.status(swLockUnknown)
	if status == http.StatusNoContent {
		return answer{status: status}
	}
	return a.noLock(status)
}

// postLock grants a lock (api/lxca.md 2.3).
func (a *Appliance) postLock(c *call) answer {
	bad := func(text, why string) answer {
		return a.refuse(http.StatusBadRequest, "FQXHMCR9001J", text, why, "Correct the request and try again.")
	}
	m, err := members(c.r)
	if err != nil {
		return bad("The request is not valid.", err.Error())
	}
	component, ok := text(m, "component")
	if !ok || !slices.Contains(Components, component) {
		return bad("The component is missing or not valid.", "Use one of "+strings.Join(Components, ", ")+".")
	}
	seconds, ok := integer(m, "expirationTimeOut")
	if !ok || seconds <= 0 || seconds > maxTimeout {
		return bad("The expirationTimeOut is missing or not valid.", "It must be a positive number of whole seconds.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.switches.Is(swLockDuplicate, "400") && slices.ContainsFunc(a.locks, func(l *lock) bool { return l.component == component }) {
		return a.refuse(http.StatusBadRequest, "FQXHMCR9002J", "The component already holds a lock.", "", "Wait until it is released.")
	}
	l := a.grant(component, seconds, c.asker(), a.clock.Base())
	ans := a.ok(http.StatusCreated)
	path := "/aicc/service/sftp/locks/" + l.id
	switch a.switches.Get(swLockLocation) {
	case "relative":
		ans.header = map[string]string{"Location": path}
	case "bare":
		ans.header = map[string]string{"Location": l.id}
	case "absolute":
		ans.header = map[string]string{"Location": "https://" + c.r.Host + path}
	}
	return ans
}

// deleteLock releases any lock, whoever holds it (api/lxca.md 2.4).
func (a *Appliance) deleteLock(c *call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.release(c.id, c.asker()) {
		return a.noLock(http.StatusNotFound)
	}
	return a.ok(http.StatusOK)
}
