package lxca

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"holdfast/appliance"
)

// Bounds of a lifetime. They are ours, as the vendor names none (api/lxca.md 2.3).
const (
	minTTL     = time.Minute
	maxTTL     = 24 * time.Hour
	defaultTTL = 20 * time.Minute
)

// components are what can be locked (api/lxca.md 2), those that transfers of backups and firmware need first, then in
// alphabetical order of name.
var components = [...]struct{ code, name string }{
	{"UP", "Updates"}, {"FC", "Operating-system deployment"}, {"DM", "Data management"},
	{"CN", "Console"}, {"MI", "Data migration"}, {"DS", "Debug Shell"}, {"DI", "Discovery and Inventory"},
	{"EM", "Events and monitoring"}, {"JM", "Jobs management"}, {"MF", "Metric data collection and forwarders"},
	{"NM", "Network management"}, {"RC", "Remote Control"}, {"SE", "Security"},
	{"CP", "Server configuration patterns"}, {"SS", "Service and support"}, {"ST", "Storage management"},
	{"SP", "Switch ports"}, {"TS", "ThinkServer and ThinkSystem management"}, {"UI", "User Interface"},
	{"CR", "Virtual appliance"},
}

// component is the scope of a code, and whether the vendor documents it. A code that is not documented is shown as told.
func component(code string) (appliance.Scope, bool) {
	for _, c := range components {
		if strings.EqualFold(c.code, code) {
			return appliance.Scope{Code: c.code, Name: appliance.Label(c.name)}, true
		}
	}
	return appliance.Scope{Code: appliance.Label(code).String()}, false
}

// LockRules tells which components can be locked and for how long.
func (c *Client) LockRules() appliance.LockRules {
	rules := appliance.LockRules{ChooseTTL: true, MinTTL: minTTL, MaxTTL: maxTTL, DefaultTTL: defaultTTL}
	for _, known := range components {
		scope, _ := component(known.code)
		rules.Scopes = append(rules.Scopes, scope)
	}
	return rules
}

// Locks lists all locks of the appliance, whoever took them (api/lxca.md 2.1). Below LXCA 4.1.0, where the resource does
// not exist, the error wraps appliance.ErrUnsupported.
func (c *Client) Locks(ctx context.Context) (appliance.LockList, error) {
	a, err := c.send(ctx, get(pathLocks))
	if err != nil {
		return appliance.LockList{}, fmt.Errorf("list locks: %w", err)
	}
	v, err := a.listing()
	if err != nil {
		return appliance.LockList{}, fmt.Errorf("list locks: %w", withoutLocks(err))
	}
	found, err := decodeLocks(ctx, v)
	if err != nil {
		return appliance.LockList{}, fmt.Errorf("list locks: %w", err)
	}
	found.Stamp = a.Stamp
	return found, nil
}

// Lock asks for one lock (api/lxca.md 2.2). The vendor does not say how the appliance answers for a lock that is gone: all
// that may mean it is appliance.ErrGone.
func (c *Client) Lock(ctx context.Context, id appliance.LockID) (appliance.Lock, appliance.Stamp, error) {
	r, err := lockRequest(id)
	if err != nil {
		return appliance.Lock{}, appliance.Stamp{}, fmt.Errorf("ask for a lock: %w", err)
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Lock{}, appliance.Stamp{}, fmt.Errorf("ask for lock %s: %w", id, err)
	}
	found, err := lockOf(ctx, a)
	if refusedWith(err, http.StatusBadRequest) {
		err = fmt.Errorf("%w: %w", appliance.ErrGone, err)
	}
	if err == nil && len(found.Locks)+found.Unreadable == 0 {
		err = appliance.ErrGone
	}
	i := slices.IndexFunc(found.Locks, func(l appliance.Lock) bool { return l.ID == id })
	if err == nil && i < 0 {
		err = malformed("it is not about that lock")
	}
	if err != nil {
		return appliance.Lock{}, a.Stamp, fmt.Errorf("ask for lock %s: %w", id, err)
	}
	return found.Locks[i], a.Stamp, nil
}

// lockOf reads the answer about one lock as a listing of it.
func lockOf(ctx context.Context, a answer) (appliance.LockList, error) {
	v, err := a.listing()
	if err != nil {
		return appliance.LockList{}, err
	}
	return decodeLocks(ctx, v)
}

// withoutLocks says why there is no collection of locks.
func withoutLocks(err error) error {
	if refusedWith(err, http.StatusNotFound) {
		return fmt.Errorf("%w: needs LXCA 4.1.0 or later", appliance.ErrUnsupported)
	}
	return err
}

// decodeLocks reads a listing of locks. An answer without a body and null are "no locks" (faults.md LCK-13).
func decodeLocks(ctx context.Context, v value) (appliance.LockList, error) {
	if v.kind == absent || v.kind == null {
		return appliance.LockList{}, nil
	}
	records, err := rows(v, func(v value) bool { return v.has("id", "component", "expirationTimeOut") })
	if err != nil {
		return appliance.LockList{}, err
	}
	var found appliance.LockList
	seen := make(map[appliance.LockID]bool, len(records))
	for _, r := range records {
		if ctx.Err() != nil {
			return appliance.LockList{}, ctx.Err()
		}
		id, ok := appliance.ParseLockID(r.get("id").id())
		if !ok || seen[id] {
			found.Unreadable++
			continue
		}
		seen[id] = true
		found.Locks = append(found.Locks, decodeLock(id, r.value))
	}
	return found, nil
}

// decodeLock reads one lock. Its expiry is computed from the creation time, so that must say its zone. No record says
// whose the lock is (api/lxca.md 2.5).
func decodeLock(id appliance.LockID, v value) appliance.Lock {
	scope, _ := component(v.get("component").word())
	created := v.get("creationTimestamp")
	return appliance.Lock{
		ID:      id,
		Scope:   scope,
		Holder:  appliance.HolderUnknown,
		Created: instant(created.word()),
		CreText: created.label(),
		TTL:     v.get("expirationTimeOut").seconds(),
		Raw:     v.raw(),
	}
}

// Acquire asks for a lock once (api/lxca.md 2.3). The lock of the receipt was created at the Date of the answer, as far
// as the answer tells, and has no ID when the Location header does not name one (faults.md LCK-01).
func (c *Client) Acquire(ctx context.Context, claim appliance.Claim) (appliance.Receipt, error) {
	r, err := acquireRequest(claim)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("acquire a lock: %w", err)
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("acquire a lock: %w", err)
	}
	receipt, v, err := a.receipt()
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("acquire a lock: %w", withoutLocks(err))
	}
	id, _ := lockIn(a.Header.Get("Location"))
	scope, _ := component(claim.Scope)
	receipt.Lock = appliance.Lock{
		ID: id, Scope: scope, Holder: appliance.HolderUnknown, Created: a.Stamp.Date, TTL: claim.TTL, Raw: v.raw(),
	}
	if !a.Stamp.Date.IsZero() {
		receipt.Lock.CreText = appliance.Label(a.Stamp.Date.UTC().Format(time.RFC3339))
	}
	return receipt, nil
}

// lockIn finds the id in a Location header: a bare id, a relative or an absolute URI. Only the last element of the path
// counts; host, query and fragment do not (faults.md LCK-01).
func lockIn(location string) (appliance.LockID, bool) {
	if id, ok := appliance.ParseLockID(lastElement(location)); ok {
		return id, true
	}
	return "", false
}

// lastElement is what stands behind the last slash of a URI's path.
func lastElement(uri string) string {
	uri = strings.TrimSpace(uri)
	if i := strings.IndexAny(uri, "?#"); i >= 0 {
		uri = uri[:i]
	}
	return uri[strings.LastIndexByte(uri, '/')+1:]
}

// Release gives a lock back (api/lxca.md 2.4). 404 is what the vendor documents for a lock that is gone, and a success.
func (c *Client) Release(ctx context.Context, l appliance.Lock) (appliance.Receipt, error) {
	r, err := releaseRequest(l.ID)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("release a lock: %w", err)
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("release lock %s: %w", l.ID, err)
	}
	receipt, _, err := a.receipt()
	if refusedWith(err, http.StatusNotFound) {
		return appliance.Receipt{Stamp: a.Stamp}, nil
	}
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("release lock %s: %w", l.ID, err)
	}
	return receipt, nil
}
