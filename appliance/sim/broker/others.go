package broker

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"holdfast/appliance/sim/kit"
)

// otherUser is who LockByOther(SourceREST) acts as: a client of somebody else's, whose token nobody here knows.
const otherUser = "night-shift"

var night = kit.Asker{User: otherUser}

// LockByOther takes the configuration lock for somebody else, if it is free, and reports whether that one has it now.
// SourceREST holds it by a token and so loses it after a token's lifetime; SourceGUI and SourceACLI have no end
// (api/ecb.md 3.6). The switch foreign-lock may hide the latter from REST: then nothing is taken.
func (a *Appliance) LockByOther(source string) bool {
	return a.lockByOther(source, func(h *hold) bool { return h == nil })
}

// StealByOther is LockByOther that takes the lock from whoever holds it, as no call of the REST interface can.
func (a *Appliance) StealByOther(source string) bool {
	return a.lockByOther(source, func(*hold) bool { return true })
}

// lockByOther takes the lock if it may be taken from who holds it, nil when it is free.
func (a *Appliance) lockByOther(source string, from func(*hold) bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	hidden := a.switches.Get(swForeignLock)
	if !from(a.lock) || (source != SourceREST && (hidden == "unseen" || hidden == source+"-unseen")) {
		return false
	}
	if a.lock != nil {
		a.release(now, "lock.stolen", itself, "taken by "+source, swEditsAtUnlock)
	}
	h := &hold{source: source}
	if source == SourceREST {
		h.token = a.issue(kit.Account{User: otherUser, Role: kit.RoleAdmin}, now)
		a.record(now, night, h.token.effect("token.issued", now))
	}
	a.grant(h, itself, now)
	return true
}

// UnlockByOther frees the lock if somebody else holds it whom LockByOther or StealByOther played.
func (a *Appliance) UnlockByOther() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	if a.lock == nil || (a.lock.token != nil && a.lock.token.account.User != otherUser) {
		return
	}
	a.release(now, "lock.released", kit.Asker{User: a.lock.owner()}, "unlock", swEditsAtUnlock)
}

// LockOwner is the user who holds the lock through REST, "gui" or "acli", or nothing while the lock is free.
func (a *Appliance) LockOwner() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.settle(a.clock.Base())
	if a.lock == nil {
		return ""
	}
	return a.lock.owner()
}

// RevokeTokens ends every token before its time, and with its token a lock held through REST: what is assumed of a
// restart (api/ecb.md 2.3, 6.4).
func (a *Appliance) RevokeTokens() { a.RevokeAll(false) }

// RevokeAll is RevokeTokens that may keep the lock: then it ends when its token would have. It reports whether there was
// a token.
func (a *Appliance) RevokeAll(keepLock bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	all := a.allTokens()
	a.revoke(now, all, keepLock)
	return len(all) > 0
}

// SetRole sets the switch role; a role that it does not know is an error. Where active and standby change places,
// tokens go as the switch tokens-at-switchover says; setting the switch itself changes the word and nothing else.
func (a *Appliance) SetRole(role string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	before := a.switches.Get(swRole)
	if err := a.switches.Set(swRole, role); err != nil {
		return err
	}
	swapped := (before == "active" && role == "standby") || (before == "standby" && role == "active")
	if swapped && a.switches.Is(swSwitchover, "lost") {
		a.revoke(now, a.allTokens(), false)
	}
	return nil
}

// SetSlow makes every answer take d longer; 0 ends that.
func (a *Appliance) SetSlow(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.slow = d
}

// SetAway makes the appliance answer nobody, in the way of the switch away, until it is called with false.
func (a *Appliance) SetAway(away bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away = away
}

func (a *Appliance) isAway() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.away
}

// hesitate waits as SetSlow says. It reports false if the caller has gone meanwhile.
func (a *Appliance) hesitate(r *http.Request) bool {
	a.mu.Lock()
	slow := a.slow
	a.mu.Unlock()
	if slow <= 0 {
		return true
	}
	timer := time.NewTimer(slow)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// AddBackupFile puts a backup of the running configuration beside the others, under this very name.
func (a *Appliance) AddBackupFile(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.backups[name] = a.config.running
}

// EditByOther leaves a new session agent of that name in the edited configuration, as somebody does who edits and goes away.
func (a *Appliance) EditByOther(hostname string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	e := element{kind: "session-agent", attrs: []attribute{{name: "hostname", values: []string{hostname}}}}
	a.config.editing = append(slices.Clone(a.config.editing), e)
	a.record(now, kit.Asker{User: otherUser}, kit.Effect{What: "config.edited", ID: e.String(), More: "created"})
}

// StartAsync begins an operation (save, verify, activate, restore from running, backup of running) as some user,
// lock or no lock: the slot that asyncstatus shows is everybody's.
func (a *Appliance) StartAsync(op, user string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.clock.Base()
	a.settle(now)
	by := kit.Asker{User: user}
	switch op {
	case "save":
		a.beginSave(by, now)
	case "verify":
		a.beginVerify(by, now)
	case "activate":
		a.beginActivate(by, now)
	case "restore":
		a.beginRestore(by, now, a.config.running, "running")
	case "backup":
		a.helpName++
		a.beginBackup(by, now, fmt.Sprintf("%s-%d.gz", user, a.helpName), a.config.running)
	default:
		return fmt.Errorf("unknown asynchronous operation %q", op)
	}
	return nil
}
