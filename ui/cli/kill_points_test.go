package cli

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance/raced"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
)

// kills is how often the program is killed at each point; the common tests do it once.
var kills = flag.Int("kills", 1, "how often the program is killed at each crash point")

// point is what the program was doing for an act when it was killed.
type point string

// The points, in the order in which an act comes to them. After told the act has an effect, after durable it has an intent.
const (
	beforeIntent point = "before its intent is durable"
	nothingSent  point = "intent durable, nothing sent"
	noEffect     point = "request sent, no effect"
	noAnswer     point = "effect happened, no answer read"
	notRecorded  point = "answer read, not recorded"
	recorded     point = "recorded"
)

var points = []point{beforeIntent, nothingSent, noEffect, noAnswer, notRecorded, recorded}

// sent reports whether the request has left the program, and took whether it had its effect.
func (p point) sent() bool { return p != beforeIntent && p != nothingSent }
func (p point) took() bool { return p.sent() && p != noEffect }

// open reports whether the journal has an intent without an outcome.
func (p point) open() bool { return p != beforeIntent && p != recorded }

// killed is a program that is killed at a point of an act, and then started again.
type killed struct {
	*site
	act    act
	at     point
	c      *child // the one that is killed, then the next
	front  *front
	old    string // LXCA: the lock there was before
	before int    // how often the act's request was sent before the act
	resume func() // see extendUnseen
}

// act is something that the program changes on an appliance by a request.
type act struct {
	name     string
	request  *regexp.Regexp
	verb     string          // of its intent
	sims     sim.Config      // the first appliance is the one it is about
	prepare  func(k *killed) // has there be what there must be before
	begin    func(k *killed) // presses the keys, or lets the time come
	byItself bool            // no key begins it
	asks     string          // what the screen shows until the last key was taken; empty with byItself
	tracks   bool            // it is a transfer, of which the journal has a record of its own
	check    func(k *killed) // what must be true in the end
}

// atOnce is how many of them run at the same time. Each mostly waits for the program's next look, so that more than there are
// processors are better than t.Parallel.
const atOnce = 8

// SIG-05: killed wherever it may be with anything that it does, and started again, the program has lost nothing, invented
// nothing, done nothing twice and touched nothing that is another's; and it says what it does not know.
func TestFault_SIG05_KilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	atEach(t, points, raced.Or(6, 2), func(t *testing.T, a act, p point, _ int) { killAt(t, a, p, nil) })
}

// And so it has when the next run is killed as well, at the first thing that it changes to put right what it found: before
// that has its effect, or after. Each act is tried at other points each time.
func TestFault_SIG05_KilledAgainWhileItResumes(t *testing.T) {
	t.Parallel()
	atEach(t, points[1:5], 1, func(t *testing.T, a act, p point, n int) {
		killAt(t, a, p, func(k *killed) { k.interrupt(n%2 == 0) })
	})
}

// atEach tests each act at so many of the points, as often as kills says, and numbers the tests.
func atEach(t *testing.T, at []point, each int, test func(t *testing.T, a act, p point, n int)) {
	turns := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	n := 0
	for round := range *kills {
		for i, a := range slices.Concat(lockActs(), brokerActs(), transferActs()) {
			for j := range each {
				number, p := n, at[(i+round+j*len(at)/each)%len(at)]
				n++
				turns <- struct{}{}
				running.Go(func() {
					defer func() { <-turns }()
					t.Run(a.name+": "+string(p), func(t *testing.T) { test(t, a, p, number) })
				})
			}
		}
	}
	running.Wait()
}

// killAt kills the program at the point of the act, has the next runs do what between says, and looks at the one after.
func killAt(t *testing.T, a act, p point, between func(k *killed)) {
	k := &killed{site: newSite(t, a.sims), act: a, at: p}
	on := k.sims.Appliances()[0]
	k.front = k.fronts[on.Name]
	if on.LXCA != nil {
		on.LXCA.AddForeignLock("FC", 10*time.Hour)
	}
	k.again()
	if a.prepare != nil {
		a.prepare(k)
	}
	k.before = k.front.sent(a.request)
	k.reach()
	k.died()
	if between != nil {
		between(k)
	}
	k.again()
	a.check(k)
	k.always()
}

// again starts the program once more.
func (k *killed) again() {
	k.t.Helper()
	k.c = k.start()
	k.c.until(fmt.Sprintf("%d up", len(k.sims.Appliances())))
}

// stopper kills the program that runs now, once, and waits for its end.
func (k *killed) stopper() func() {
	c := k.c
	return sync.OnceFunc(func() {
		_ = c.cmd.Process.Kill() // it may have failed, which is seen by how it ended
		<-c.ended
	})
}

// interrupt starts the program and kills it at the first thing that it changes, or when it has looked around and changed nothing.
func (k *killed) interrupt(effect bool) {
	k.t.Helper()
	k.c = k.start()
	c, stop := k.c, k.stopper()
	k.front.arm(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet || strings.HasSuffix(requestName(r), "/auth/token") {
			return false
		}
		if effect {
			k.front.effect(r)
		}
		stop()
		panic(http.ErrAbortHandler)
	}, nil)
	defer k.front.arm(nil, nil)
	over := func() bool {
		select {
		case <-c.ended:
			return true
		default:
			return false
		}
	}
	k.site.until("its end, or the word about its predecessor", func() bool {
		return over() || strings.Contains(k.told(), "an earlier run ended in the middle of")
	})
	before := k.front.looks()
	k.site.until("its end, or a look around", func() bool { return over() || k.front.looks() > before+6 })
	stop()
}

// reach has the program begin the act, and kills it at the point.
func (k *killed) reach() {
	k.t.Helper()
	stop := k.stopper()
	intended := func() {
		if !slices.Contains(k.open(), k.act.verb) {
			k.t.Errorf("the request came without an intent in the journal, which has %q", k.open())
		}
	}
	meet := func(what func(w http.ResponseWriter, r *http.Request)) {
		k.front.arm(func(w http.ResponseWriter, r *http.Request) bool {
			if !k.act.request.MatchString(requestName(r)) {
				return false
			}
			intended()
			what(w, r)
			stop()
			panic(http.ErrAbortHandler)
		}, nil)
	}
	defer k.front.arm(nil, nil)
	switch k.at {
	case beforeIntent:
		release := k.blockJournal()
		defer release()
		before := k.front.looks()
		k.act.begin(k)
		if k.act.byItself {
			k.until("two more polls", func() bool { return k.front.looks() >= before+2 })
		} else {
			k.c.gone(k.act.asks)
		}
		stop()
	case nothingSent:
		k.front.arm(nil, func(net.Conn) bool {
			if slices.Contains(k.open(), k.act.verb) && (!k.act.tracks || len(k.transits()) > 0) {
				stop()
			}
			return true
		})
		k.act.begin(k)
	case noEffect:
		meet(func(http.ResponseWriter, *http.Request) {})
		k.act.begin(k)
	case noAnswer:
		meet(func(_ http.ResponseWriter, r *http.Request) { k.front.effect(r) })
		k.act.begin(k)
	case notRecorded:
		meet(func(w http.ResponseWriter, r *http.Request) {
			release := k.blockJournal()
			defer release()
			if err := deliver(w, k.front.effect(r)); err != nil {
				k.t.Errorf("answer: %v", err)
			}
			stop()
		})
		k.act.begin(k)
	case recorded:
		settled := func() int { return len(k.ask(`SELECT id FROM intents WHERE outcome <> '' AND verb = ?`, k.act.verb)) }
		before := settled()
		k.act.begin(k)
		k.site.until("the record of its end", func() bool { return settled() > before })
		stop()
	}
	if code := k.c.end(); code != -1 {
		k.t.Errorf("it was not killed, but ended with %d", code)
	}
}

// died looks at what the killed program has left.
func (k *killed) died() {
	k.t.Helper()
	if got := k.ask(`PRAGMA integrity_check`); !slices.Equal(got, []string{"ok"}) {
		k.t.Errorf("the journal: %q", got)
	}
	if open := slices.Contains(k.open(), k.act.verb); open != k.at.open() {
		k.t.Errorf("open intents: %q", k.open())
	}
	want := 0
	if k.at.sent() {
		want = 1
	}
	if n := k.front.sent(k.act.request) - k.before; n != want {
		k.t.Errorf("%d requests were sent", n)
	}
}

// always is what must be true after each kill.
func (k *killed) always() {
	k.t.Helper()
	if n := k.happened("lock.released", func(e kit.Effect) bool { return e.Scope == "FC" }); n != 0 {
		k.t.Error("another's lock was given back")
	}
	if got := k.ask(`PRAGMA integrity_check`); !slices.Equal(got, []string{"ok"}) {
		k.t.Errorf("the journal: %q", got)
	}
	said := k.say("events", "--json")
	middle := strings.Contains(said.out, "an earlier run ended in the middle of ")
	if middle != k.at.open() || said.code != ExitDone || said.err != "" {
		k.t.Errorf("that it ended in the middle of something was said: %v\n%s%s", middle, said.out, said.err)
	}
	if k.t.Failed() {
		k.t.Logf("the events:\n%s\nthe truth:\n%s\nsent: %q", said.out, k.truth(), k.front.seen)
	}
}
