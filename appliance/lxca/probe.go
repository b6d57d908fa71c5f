package lxca

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/appliance"
)

// The groups whose members may do everything, and all but what needs a Supervisor: locks do, while for backups and jobs the
// vendor names no role, and these two are taken to do (api/lxca.md 1.5).
const (
	supervisor    = "lxc-supervisor"
	administrator = "lxc-admin"
)

// Probe asks what the appliance is (GET /aicc) and who we are there (GET /userAccounts). Where the accounts may not be
// seen, what we may do stays in doubt.
func (c *Client) Probe(ctx context.Context) (appliance.Health, error) {
	a, err := c.send(ctx, get(pathAppliance))
	if err != nil {
		return appliance.Health{}, fmt.Errorf("probe: %w", err)
	}
	v, err := a.listing()
	if err != nil {
		return appliance.Health{}, fmt.Errorf("probe: %w", err)
	}
	health, err := decodeAppliance(v)
	if err != nil {
		return appliance.Health{}, fmt.Errorf("probe: %w", err)
	}
	health.Stamp, health.User = a.Stamp, appliance.Label(c.user)
	rights, err := c.account(ctx)
	if err != nil {
		return appliance.Health{}, fmt.Errorf("probe account %s: %w", c.user, err)
	}
	health.MayChange, health.Doubt, health.PasswordDays = rights.mayChange, rights.doubt, rights.passwordDays
	if rights.noLocks && health.NoLocks == "" {
		health.NoLocks = fmt.Sprintf("locks need the Supervisor role, which %s has not", health.User)
	}
	health.Peer = c.transport.Peer()
	health.Raw = v.raw()
	if rights.source != "" {
		health.Raw = appliance.RawAnswer([]byte("[" + v.text + "," + rights.source + "]"))
	}
	return health, nil
}

// account asks for our own account.
func (c *Client) account(ctx context.Context) (rights, error) {
	a, err := c.send(ctx, get(pathAccounts))
	if err != nil {
		return rights{}, err
	}
	v, err := a.listing()
	if refusedWith(err, http.StatusForbidden) || refusedWith(err, http.StatusNotFound) {
		return rights{doubt: true, passwordDays: -1}, nil
	}
	if err != nil {
		return rights{}, err
	}
	return decodeAccounts(v, c.user)
}

// decodeAppliance reads GET /aicc (api/lxca.md 1.6).
func decodeAppliance(v value) (appliance.Health, error) {
	if r := v.get("response"); r.kind == object {
		v = r
	}
	self := v.get("appliance")
	if self.kind != object || self.get("version").word() == "" {
		return appliance.Health{}, malformed("no appliance.version in the answer")
	}
	health := appliance.Health{
		Product:      appliance.Label("Lenovo XClarity Administrator"),
		Version:      self.get("version").label(),
		Host:         self.get("name").label(),
		Service:      appliance.Label("SFTP " + serviceState(v.get("services"))),
		PasswordDays: -1,
		Fields:       self.fields(),
	}
	if old(self.get("version").word()) {
		health.NoLocks = "locks need LXCA 4.1.0, this is " + health.Version.String()
	}
	return health, nil
}

// serviceState is on, off or unknown, from the state of the service sftp (api/lxca.md 1.6): 0 is running, 1 to 3 are
// three ways of not running.
func serviceState(services value) string {
	for _, s := range services.kids {
		if !strings.EqualFold(s.get("id").word(), "sftp") {
			continue
		}
		switch n, ok := s.get("state").count(); {
		case ok && n == 0:
			return "on"
		case ok && n <= 3:
			return "off"
		}
	}
	return "unknown"
}

// old reports whether a version is below 4.1.0, the first with locks. A version that is not numbers is not called old:
// the appliance says by itself when it has no locks.
func old(version string) bool {
	for i, first := range []int{4, 1} {
		part, rest, _ := strings.Cut(version, ".")
		n, err := strconv.Atoi(part)
		if err != nil {
			return false
		}
		if n != first {
			return n < first
		}
		if i == 0 {
			version = rest
		}
	}
	return false
}

// rights are what an account may do.
type rights struct {
	mayChange    bool
	doubt        bool   // of mayChange
	noLocks      bool   // surely no Supervisor
	passwordDays int    // until the password ends; -1 unknown
	source       string // the account as it was told; empty = it was not
}

// decodeAccounts finds user, without regard to case (api/lxca.md 1.2), among the accounts. An account that is not listed,
// such as one of a directory server, leaves its rights in doubt, and so does a record that does not tell them.
func decodeAccounts(v value, user string) (rights, error) {
	accounts, err := rows(v, func(v value) bool { return v.has("userName") })
	if err != nil {
		return rights{}, err
	}
	for _, a := range accounts {
		if strings.EqualFold(a.get("userName", "userId").word(), strings.TrimSpace(user)) {
			return decodeRights(a.value), nil
		}
	}
	return rights{doubt: true, passwordDays: -1}, nil
}

// decodeRights reads one account (api/lxca.md 1.4).
func decodeRights(v value) rights {
	groups := v.get("groups")
	is, told := v.get("supervisor").flag()
	in := func(group string) bool {
		return slices.ContainsFunc(groups.kids, func(g member) bool {
			return strings.EqualFold(g.word(), group) || strings.EqualFold(g.get("name", "groupName").word(), group)
		})
	}
	is = is || in(supervisor)
	r := rights{mayChange: is || in(administrator), passwordDays: -1, source: v.text}
	r.doubt = !r.mayChange && groups.kind != list
	r.noLocks = !is && (told || groups.kind == list)
	if days, ok := v.get("timeBeforeExpirationInDays").count(); ok && days < 1<<20 {
		r.passwordDays = int(days)
	}
	if expired, _ := v.get("pwExpired").flag(); expired {
		r.passwordDays = 0
	}
	return r
}
