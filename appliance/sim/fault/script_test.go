package fault

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is an appliance that only counts.
type fake struct {
	name string
	clock
	mu      sync.Mutex
	effects []string // bodies of the requests that had their effect
	struck  []string
}

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func (f *fake) Name() string                                { return f.name }
func (f *fake) Down(how string, _ time.Time)                { f.strike("down " + how) }
func (f *fake) Restart(bool)                                { f.strike("restart") }
func (f *fake) StepClock(d time.Duration)                   { f.strike("clock " + d.String()) }
func (f *fake) SwapCertificate()                            { f.strike("certificate") }
func (f *fake) RevokeToken(r *http.Request, keep bool) bool { return r != nil && !keep }
func (f *fake) StealLock(_ string, pick func(int) int) bool { return pick(3) < 3 }

func (f *fake) strike(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.struck = append(f.struck, what)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.effects = append(f.effects, string(b))
	_, _ = io.WriteString(w, "done")
}

// stage is a script and an appliance behind it.
type stage struct {
	*Script
	t    *testing.T
	host *fake
	door http.Handler
}

func newStage(t *testing.T, rules ...string) *stage {
	t.Helper()
	f := &fake{name: "dc1", clock: clock{time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}}
	s := &stage{Script: NewScript(f.Now, nil), t: t, host: f}
	s.door = s.Handler(f, f)
	for _, text := range rules {
		s.add(text)
	}
	return s
}

func (s *stage) add(text string) int {
	s.t.Helper()
	r, err := Parse(text)
	if err != nil {
		s.t.Fatal(err)
	}
	id, err := s.Add(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// ask sends a request and returns its status, 0 when the connection was closed.
func (s *stage) ask(method, url string) (status int) {
	w := httptest.NewRecorder()
	defer func() {
		if r := recover(); r != nil {
			if r != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				panic(r)
			}
			status = 0
		}
	}()
	s.door.ServeHTTP(w, httptest.NewRequest(method, "https://lxca.example"+url, strings.NewReader(method)))
	return w.Code
}

// statuses asks n times.
func (s *stage) statuses(n int) []int {
	var list []int
	for range n {
		list = append(list, s.ask("GET", "/x"))
	}
	return list
}

func TestWhen(t *testing.T) {
	for rule, want := range map[string][]int{
		"status=503":                    {503, 503, 503, 503, 503, 503},
		"status=503 #2":                 {200, 503, 200, 200, 200, 200},
		"status=503 every=3":            {200, 200, 503, 200, 200, 503},
		"status=503 times=2":            {503, 503, 200, 200, 200, 200},
		"status=503 every=2 times=1":    {200, 503, 200, 200, 200, 200},
		"status=503 after=5s":           {200, 200, 200, 200, 200, 200},
		"status=503 on=dc2":             {200, 200, 200, 200, 200, 200},
		"status=503 POST":               {200, 200, 200, 200, 200, 200},
		"status=503 p=1":                {503, 503, 503, 503, 503, 503},
		"status=503 p=0.5 seed=3":       newStage(t, "status=503 p=0.5 seed=3").statuses(6),
		"status=500 seed=9 until=1h #1": {500, 200, 200, 200, 200, 200},
	} {
		if got := newStage(t, rule).statuses(6); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", rule, got, want)
		}
	}
	s := newStage(t, "status=503 after=5s until=10s")
	for at, want := range map[time.Duration]int{4: 200, 5: 503, 9: 503, 10: 200} {
		s.host.now = time.Date(2026, 11, 21, 12, 0, int(at), 0, time.UTC)
		if got := s.ask("GET", "/x"); got != want {
			t.Errorf("after %d s: %d, want %d", at, got, want)
		}
	}
	half := 0
	for _, status := range newStage(t, "status=503 p=0.5 seed=1").statuses(1000) {
		if status == 503 {
			half++
		}
	}
	if half < 430 || half > 570 {
		t.Errorf("a half of 1000 is %d", half)
	}
}

// The first rule that applies acts; rules come and go; what has happened is counted.
func TestRulesComeAndGo(t *testing.T) {
	s := newStage(t)
	if s.busy.Load() {
		t.Error("it is busy without a rule")
	}
	one := s.add("status=500 GET")
	two := s.add("status=502")
	if got := []int{s.ask("GET", "/"), s.ask("PUT", "/")}; !slices.Equal(got, []int{500, 502}) || len(s.Rules()) != 2 {
		t.Errorf("both: %v", got)
	}
	if !s.Remove(one) || s.Remove(one) || s.ask("GET", "/") != 502 || !s.Remove(two) || s.ask("GET", "/") != 200 || s.busy.Load() {
		t.Error("a removed rule acts")
	}
	s.add("delay-effect=10s DELETE")
	if s.ask("DELETE", "/") != 0 {
		t.Error("it was answered")
	}
	s.add("outage=1h how=503")
	s.Settle()
	if s.ask("GET", "/") != 503 {
		t.Error("it is not away")
	}
	s.Stop()
	if s.ask("GET", "/") != 200 || s.Pending() != 1 || len(s.Rules()) != 0 {
		t.Error("it has not stopped")
	}
	s.host.now = s.host.now.Add(10 * time.Second)
	s.Settle()
	if s.Pending() != 0 || s.busy.Load() || s.host.effects[len(s.host.effects)-1] != "DELETE" {
		t.Errorf("the late effect has not come with its body: %q", s.host.effects)
	}
	if c := s.Counts(); c[Status] != 3 || c[DelayEffect] != 1 || c[Outage] != 1 || s.Total() != 5 {
		t.Errorf("counts %v", c)
	}
	if _, err := s.Add(Rule{Kind: "x"}); err == nil {
		t.Error("a bad rule is in force")
	}
}

// Faults that come by themselves come once, or each period, as often as they may.
func TestTimedFaults(t *testing.T) {
	s := newStage(t, "clock-step=1h after=5s", "swap-certificate period=10s after=2s times=3", "revoke-token after=1s")
	for range 60 {
		s.host.now = s.host.now.Add(time.Second)
		s.Settle()
	}
	if got := strings.Join(s.host.struck, ", "); got != "certificate, clock 1h0m0s, certificate, certificate" {
		t.Errorf("struck %s", got)
	}
	if c := s.Counts(); c[SwapCertificate] != 3 || c[ClockStep] != 1 || c[RevokeToken] != 0 { // there was no token
		t.Errorf("counts %v", c)
	}
}

// A fault of an appliance comes before the request that it waits for, or after its effect.
func TestFaultOfAnApplianceUponARequest(t *testing.T) {
	s := newStage(t, "restart=10s POST how=503 effect=yes", "restart=10s PUT how=503", "steal-lock GET")
	if s.ask("PUT", "/") != 503 || len(s.host.effects) != 0 {
		t.Errorf("before: effects %q", s.host.effects)
	}
	s.host.now = s.host.now.Add(10 * time.Second)
	if s.ask("POST", "/") != 503 || !slices.Equal(s.host.effects, []string{"POST"}) {
		t.Errorf("after: effects %q", s.host.effects)
	}
	s.host.now = s.host.now.Add(10 * time.Second)
	if s.ask("GET", "/") != 200 || s.Counts()[StealLock] != 1 {
		t.Errorf("counts %v", s.Counts())
	}
}

// What is due while an appliance is away does not happen, neither then nor later.
func TestLateEffectIsLostWhileAway(t *testing.T) {
	for at, want := range map[time.Duration]int{10: 1, 11: 0, 19: 0, 20: 1} {
		s := newStage(t, "outage=10s after=10s")
		s.add("delay-effect=" + (at * time.Second).String())
		s.ask("POST", "/")
		for range 30 {
			s.host.now = s.host.now.Add(time.Second)
			s.Settle()
		}
		if got := len(s.host.effects); got != want || s.Pending() != 0 {
			t.Errorf("due after %d s: %d effects, want %d", at, got, want)
		}
	}
}

// A mix has every kind, at its rate, and the same for the same seed.
func TestRandom(t *testing.T) {
	run := func(seed uint64) (map[Kind]int, int) {
		s := newStage(t)
		r := Random(seed, 0.2)
		r.For = time.Millisecond
		if _, err := s.Add(r); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		h, q := s.hosts[0], httptest.NewRequest("GET", "https://lxca.example/x", nil)
		kinds, n := map[Kind]int{}, 0
		for range 10_000 {
			if e := s.rules[0]; e.fires(h, q, s.clock()) {
				f := s.made(e, h)
				if err := f.Check(); err != nil {
					t.Fatalf("%s: %v", f.Rule, err)
				}
				if f.For > time.Millisecond || f.Late > time.Millisecond {
					t.Fatalf("%s takes too long", f.Rule)
				}
				kinds[f.Kind]++
				n++
			}
		}
		return kinds, n
	}
	a, n := run(7)
	if n < 1850 || n > 2150 || len(a) != len(shares) {
		t.Errorf("%d faults: %v", n, a)
	}
	b, m := run(7)
	c, _ := run(8)
	same := func(x, y map[Kind]int) bool {
		for k := range x {
			if x[k] != y[k] {
				return false
			}
		}
		return true
	}
	if n != m || !same(a, b) || same(a, c) {
		t.Errorf("seed 7 %v, again %v, seed 8 %v", a, b, c)
	}
}

// Without a rule a request costs nothing more.
func TestNoRuleCostsNothing(t *testing.T) {
	s := NewScript(time.Now, nil)
	door := s.Handler(&fake{name: "dc1"}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "https://lxca.example/x", nil)
	if n := testing.AllocsPerRun(100, func() { door.ServeHTTP(w, r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
