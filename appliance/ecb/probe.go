package ecb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/appliance"
)

// probeBudget is how many requests one probe may send. What is read only once is spread over several probes.
const probeBudget = 3

// facts are what the appliance told of itself, and what we concluded from its answers.
type facts struct {
	status   status // the last that was told
	build    appliance.Text
	identity map[string]identity // by resource
	versions []appliance.Text
	bodies   map[string][]byte // what they were read from, by resource
	read     map[string]bool   // resources that were read, or are not offered, since the connection was last lost
	boot     bootTime
	right    right
	rightAt  appliance.Reading // when it was told
}

// bootTime is an uptime and the moment at which it was told.
type bootTime struct {
	uptime time.Duration
	at     appliance.Stamp
}

// right is whether our account may change things. Only protected requests tell it (api/ecb.md 2.1).
type right int

const (
	rightUnknown right = iota
	rightYes
	rightNo
)

// forbiddenFor is how long a 403 counts: a right may be granted meanwhile, and only a request that needs it tells.
const forbiddenFor = 10 * time.Minute

// keep keeps what a resource answered, in place of what it did before.
func (f *facts) keep(resource string, a answer) {
	if f.bodies == nil {
		f.bodies = map[string][]byte{}
	}
	delete(f.bodies, resource)
	if a.resp != nil {
		f.bodies[resource] = a.resp.Body
	}
}

// raw is everything that was kept, in the order in which it is asked for.
func (f *facts) raw() appliance.Raw {
	var all [][]byte
	for _, resource := range append([]string{resStatus}, onceOnly()...) {
		if body := bytes.TrimSpace(f.bodies[resource]); len(body) > 0 {
			all = append(all, body)
		}
	}
	return appliance.RawAnswer(bytes.Join(all, []byte("\n")))
}

// may is what is known of our right now.
func (f *facts) may(now appliance.Reading) right {
	if f.right == rightNo && now.Since(f.rightAt) >= forbiddenFor {
		return rightUnknown
	}
	return f.right
}

// forgetForbidden puts in doubt again that we may not change things.
func (c *Client) forgetForbidden() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.facts.right == rightNo {
		c.facts.right = rightUnknown
	}
}

// learnRight records what a protected request told. A 403 of a node that takes no configuration says nothing of us.
func (c *Client) learnRight(may bool) {
	passive, now := c.noLocks() != "", c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case may:
		c.facts.right, c.facts.rightAt = rightYes, now
	case !passive:
		c.facts.right, c.facts.rightAt = rightNo, now
	}
}

// onceOnly are the resources that do not change while the appliance runs, in order of importance.
func onceOnly() []string { return []string{resInformation, resVersion, resVersions} }

// Probe asks for the status and, until they are known, for one or two of the resources that do not change: three
// requests at most, a login included. (Only when a login has to try several versions of the API are there more.) What
// does not change is asked for again after the connection was lost. A resource that the appliance does not offer is left
// out of the health.
func (c *Client) Probe(ctx context.Context) (appliance.Health, error) {
	st, h, spent, err := c.probeStatus(ctx)
	if err != nil {
		c.forgetOnUnreachable(err)
		return appliance.Health{}, fmt.Errorf("probe: %w", err)
	}
	for _, resource := range onceOnly() {
		if spent >= probeBudget {
			break
		}
		if c.known(resource) {
			continue
		}
		n, err := c.readOnce(ctx, resource)
		spent += n
		switch {
		case errors.Is(err, appliance.ErrMalformed) && !errors.Is(err, appliance.ErrUnreachable):
			// It is told, and tried again; the rest of the health is good.
			h.Told = append(h.Told, appliance.Message{Text: appliance.Words(err.Error())})
		case err != nil:
			c.forgetOnUnreachable(err)
			return appliance.Health{}, fmt.Errorf("probe: %w", err)
		}
	}
	c.fill(&h, st)
	return h, nil
}

// probeStatus begins a health with what the status says. A release without that resource has no role and no uptime.
func (c *Client) probeStatus(ctx context.Context) (status, appliance.Health, int, error) {
	h := appliance.Health{User: appliance.Label(c.opt.User), PasswordDays: -1}
	a, spent, err := c.get(ctx, resStatus)
	var st status
	switch {
	case isAbsent(err):
		now := c.clock.Now()
		h.Stamp = appliance.Stamp{Sent: now, Received: now}
	case err != nil:
		return st, h, spent, err
	default:
		if st, err = decodeStatus(a.root); err != nil {
			return st, h, spent, fmt.Errorf("read %s: %w", resStatus, err)
		}
		h.Stamp, h.Told = a.resp.Stamp, told(a.root)
	}
	c.mu.Lock()
	before := c.facts.status
	c.facts.status = st
	c.facts.keep(resStatus, a)
	c.mu.Unlock()
	restarted := st.uptime > 0 && st.uptime < before.uptime
	switched := !before.role.Empty() && st.role != before.role
	if restarted || switched {
		c.Doubt()
	}
	return st, h, spent, nil
}

// forgetOnUnreachable makes the next probes read everything again: what comes back may be another release, with other
// accounts.
func (c *Client) forgetOnUnreachable(err error) {
	if errors.Is(err, appliance.ErrUnreachable) {
		c.forgetForbidden()
		c.mu.Lock()
		c.facts.read = nil
		c.mu.Unlock()
	}
}

func (c *Client) known(resource string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.facts.read[resource]
}

// readOnce reads one of the resources that do not change and keeps what it says.
func (c *Client) readOnce(ctx context.Context, resource string) (spent int, err error) {
	a, spent, err := c.get(ctx, resource)
	var id identity
	var versions []appliance.Text
	switch {
	case isAbsent(err): // not offered
	case err != nil:
		return spent, err
	case resource == resVersions:
		versions, err = decodeVersions(a.root)
	case resource == resInformation:
		id, err = decodeInformation(a.root)
	default:
		id, err = decodeVersion(a.root)
	}
	if err != nil && !isAbsent(err) {
		return spent, fmt.Errorf("read %s: %w", resource, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.facts
	if f.read == nil {
		f.read = map[string]bool{}
	}
	f.read[resource] = true
	f.keep(resource, a)
	if resource == resVersions {
		f.versions = versions
		return spent, nil
	}
	if f.identity == nil {
		f.identity = map[string]identity{}
	}
	f.identity[resource] = id
	if !id.build.Empty() {
		f.build = id.build
	}
	if id.uptime > 0 {
		f.boot = bootTime{uptime: id.uptime, at: a.resp.Stamp}
	}
	return spent, nil
}

// fill completes a health with everything that is known.
func (c *Client) fill(h *appliance.Health, st status) {
	h.NoLocks = c.noLocks()
	h.Peer = c.http.Peer()
	h.Told = c.withTrouble(h.Told)
	if c.opt.ObserverProbe {
		c.fillObserver(h)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &c.facts
	information, version := f.identity[resInformation], f.identity[resVersion]
	h.Product = first(information.product, version.product)
	h.Version = first(information.build, version.build)
	h.Host = first(st.host, information.host, version.host)
	h.Role = st.role
	h.Uptime = st.uptime
	if h.Uptime == 0 && f.boot.uptime > 0 {
		h.Uptime = f.boot.uptime + h.Stamp.Received.Since(f.boot.at.Received)
	}
	may := f.may(c.clock.Now())
	h.MayChange, h.Doubt = may == rightYes, may == rightUnknown
	h.Fields = append(h.Fields, appliance.Field{Key: appliance.Label("rest.version"), Value: appliance.Label(c.version)})
	if len(f.versions) > 0 {
		words := make([]string, len(f.versions))
		for i, v := range f.versions {
			words[i] = v.String()
		}
		offered := appliance.Words(strings.Join(words, ", "))
		h.Fields = append(h.Fields, appliance.Field{Key: appliance.Label("rest.supportedVersions"), Value: offered})
	}
	h.Fields = slices.Concat(h.Fields, st.fields, information.fields, version.fields)
	h.Raw = f.raw()
	slices.SortStableFunc(h.Fields, func(a, b appliance.Field) int { return strings.Compare(a.Key.String(), b.Key.String()) })
}

// fillObserver says that the observer probe is on, or why it is not any more.
func (c *Client) fillObserver(h *appliance.Health) {
	how := appliance.Words(fmt.Sprintf("on: whose the lock is, is asked every %s by an unlock that must be refused", observeEvery))
	if off := c.notObserving(); !off.Empty() {
		how = off
		h.Told = append(h.Told, appliance.Message{Text: off})
	}
	h.Fields = append(h.Fields, appliance.Field{Key: appliance.Label("observer_probe"), Value: how})
}

// first is the first text that is not empty.
func first(texts ...appliance.Text) appliance.Text {
	for _, t := range texts {
		if !t.Empty() {
			return t
		}
	}
	return appliance.Text{}
}
