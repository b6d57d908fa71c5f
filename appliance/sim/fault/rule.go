package fault

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what goes wrong.
type Kind string

// Faults of one request and its answer.
const (
	DropBefore  Kind = "drop-before"  // connection closed, no effect
	DropAfter   Kind = "drop-after"   // effect, connection closed: the answer is lost
	DelayEffect Kind = "delay-effect" // connection closed, effect later
	DelayAnswer Kind = "delay-answer" // effect, answer later
	Reset       Kind = "reset"        // connection reset (RST)
	Cut         Kind = "cut"          // effect, answer cut off
	Status      Kind = "status"       // answered by somebody in between, with a status of 400 to 599
	HTML        Kind = "html"         // answered by somebody in between, with an HTML page
	Drip        Kind = "drip"         // effect, answer in drops
	BlackHole   Kind = "black-hole"   // no answer, the connection stays open
	Mix         Kind = "random"       // one of those above, at random
)

// Faults of a whole appliance.
const (
	Restart         Kind = "restart"          // away for a while; sessions, tokens and running jobs are gone afterwards
	Outage          Kind = "outage"           // away for a while, nothing is lost
	ClockStep       Kind = "clock-step"       // the appliance's own clock jumps
	SwapCertificate Kind = "swap-certificate" // new connections see another key
	RevokeToken     Kind = "revoke-token"     // ECB: tokens end before their time
	StealLock       Kind = "steal-lock"       // ECB: somebody else has the lock now; LXCA: a lock vanishes from the list
)

// Effect says whether a request that goes wrong has its effect.
type Effect int

// Effects. ByKind is the one that the kind's description names, and none where it names none.
const (
	ByKind Effect = iota
	None
	Done
	Late // after Rule.Late
)

// How an appliance is away.
const (
	Refused     = "refused" // connections are reset; in memory they are refused
	Unavailable = "503"     // an HTML page with 503
	Hang        = "hang"    // connections are taken and nothing is ever said on them
)

// Rule is one fault: what, on which requests or appliances, when, and how often. What a kind does not use must be left
// at zero, see Check. Rules are values and can be compared.
type Rule struct {
	Kind Kind

	Status     int           // Status and HTML
	Effect     Effect        // Reset, Status, HTML, BlackHole; for faults of appliances Done means after the request's effect
	Late       time.Duration // DelayEffect, or with Effect Late: how much later the effect comes
	For        time.Duration // DelayAnswer, Restart, Outage, ClockStep; Mix: the longest delay, default a minute
	Bytes      int           // Cut: how many bytes are sent; Drip: how many in a second
	Head       bool          // Cut: count from the status line on, not from the body on
	RetryAfter time.Duration // Status: the header, in whole seconds
	KeepLocks  bool          // Restart, RevokeToken: locks outlive it
	How        string        // Restart, Outage: Refused (default), Unavailable or Hang
	By         string        // StealLock on an ECB: rest (default), gui or acli

	On     string // appliance name, a pattern with * and ?; empty: any
	Method string // comma-separated; empty: any
	Path   string // see Match; empty: any

	Nth    int           // only the n-th request that matches
	Every  int           // only each n-th
	P      float64       // with this probability; 0: always
	Seed   uint64        // of P, of Mix and of what a fault draws
	Times  int           // at most so often; 0: without end
	After  time.Duration // not before, from when the rule was added
	Until  time.Duration // not from then on
	Period time.Duration // fault of an appliance without Method and Path: again and again

	share float64 // Cut by Mix: this share of the answer is sent instead of Bytes
}

// timed reports whether the rule happens by itself at a time and not upon a request.
func (r Rule) timed() bool { return kinds[r.Kind].appliance && r.Method == "" && r.Path == "" }

// methods are those that a rule may name.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// Check reports what is wrong with a rule.
func (r Rule) Check() error {
	k, ok := kinds[r.Kind]
	if !ok {
		return fmt.Errorf("unknown fault %q%s", r.Kind, Nearest(string(r.Kind), kindNames()))
	}
	for _, o := range options {
		if o.given(r) && !k.takes(o.key) {
			return fmt.Errorf("%s takes no %s", r.Kind, o.key)
		}
	}
	if err := k.value.check(r); err != nil {
		return fmt.Errorf("%s: %w", r.Kind, err)
	}
	if (r.Effect == Late) != (r.Late != 0 && r.Kind != DelayEffect) {
		return fmt.Errorf("%s: a late effect needs to be told how late, and no other may be", r.Kind)
	}
	if k.appliance && r.Effect != ByKind && (r.timed() || r.Effect != Done) {
		return fmt.Errorf("%s: effect=yes is all that can be said, and needs a request", r.Kind)
	}
	if err := r.checkWords(); err != nil {
		return fmt.Errorf("%s: %w", r.Kind, err)
	}
	if err := r.checkWhich(); err != nil {
		return fmt.Errorf("%s: %w", r.Kind, err)
	}
	if err := r.checkWhen(); err != nil {
		return fmt.Errorf("%s: %w", r.Kind, err)
	}
	return nil
}

// checkWords checks what only a rule that was not parsed can have wrong, and what no single word shows.
func (r Rule) checkWords() error {
	switch {
	case !slices.Contains([]string{"", Refused, Unavailable, Hang}, r.How):
		return fmt.Errorf("how=%s is not known", r.How)
	case !slices.Contains([]string{"", "rest", "gui", "acli"}, r.By):
		return fmt.Errorf("by=%s is not known", r.By)
	case r.RetryAfter < 0 || r.RetryAfter%time.Second != 0:
		return fmt.Errorf("retry-after=%s is not in whole seconds", r.RetryAfter)
	case r.Late < 0 || r.Late > longest:
		return fmt.Errorf("effect=%s cannot be", r.Late)
	case r.Kind == HTML && r.Status > 200 && r.Status < 400:
		return fmt.Errorf("%d is not 200 or from 400 to 599", r.Status)
	}
	return nil
}

func (r Rule) checkWhich() error {
	if r.Method != "" {
		for _, m := range strings.Split(r.Method, ",") {
			if !slices.Contains(methods, m) {
				return fmt.Errorf("unknown method %q: use %s", m, strings.Join(methods, ", "))
			}
		}
	}
	if r.Path != "" {
		if err := checkPattern(r.Path); err != nil {
			return err
		}
	}
	if _, err := path.Match(r.On, ""); err != nil || strings.ContainsAny(r.On, " \t\r\n") {
		return fmt.Errorf("on=%s is not a pattern of names", r.On)
	}
	return nil
}

func (r Rule) checkWhen() error {
	switch {
	case r.Nth < 0 || r.Every < 0 || r.Times < 0:
		return fmt.Errorf("the number of a request cannot be negative")
	case math.IsNaN(r.P) || r.P < 0 || r.P > 1:
		return fmt.Errorf("p=%v: use a probability from 0 to 1", r.P)
	case r.Nth > 0 && (r.Every > 0 || r.P > 0):
		return fmt.Errorf("#%d is one request: no every= or p= with it", r.Nth)
	case r.After < 0 || r.Until < 0 || r.Period < 0:
		return fmt.Errorf("a time cannot be negative")
	case r.Until > 0 && r.Until <= r.After:
		return fmt.Errorf("until=%s is not behind after=%s", brief(r.Until), brief(r.After))
	case r.timed() && (r.Nth > 0 || r.Every > 0 || r.P > 0):
		return fmt.Errorf("without method and path it counts no requests: use after= and period=")
	case r.Period > 0 && !r.timed():
		return fmt.Errorf("period= is for faults of an appliance without method and path")
	case r.Period > 0 && r.Period < time.Second:
		return fmt.Errorf("period=%s: use at least 1s", r.Period)
	}
	return nil
}

// String is the rule in its text form; Parse reads it back.
func (r Rule) String() string {
	var b strings.Builder
	b.WriteString(string(r.Kind))
	if k := kinds[r.Kind]; k.value.write != nil {
		if v := k.value.write(r); v != "" {
			b.WriteString("=" + v)
		}
	}
	if r.Method != "" {
		b.WriteString(" " + r.Method)
	}
	if r.Path != "" {
		b.WriteString(" " + r.Path)
	}
	if r.Nth > 0 {
		b.WriteString(" #" + strconv.Itoa(r.Nth))
	}
	for _, o := range options {
		if o.given(r) {
			b.WriteString(" " + o.key + "=" + o.write(r))
		}
	}
	return b.String()
}

// brief writes a duration without the parts that are zero at its end.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
