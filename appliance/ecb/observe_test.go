package ecb

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

func observing(o *Options, _ *transport.Options) { o.ObserverProbe = true }

const (
	observed  = "POST " + version + "configuration/unlock 423"
	observer1 = "POST " + version + "configuration/unlock 401"
)

// look lists the lock after a while and wants that holder, seen now.
func (b *bench) look(after time.Duration, want appliance.Holder) {
	b.t.Helper()
	b.hands.advance(after)
	l := b.lock()
	if now := b.clock.Now().Run; l.Holder != want || want != appliance.HolderUnknown && l.Seen.Received.Run != now {
		b.t.Errorf("listed as %s, seen at %v; want %s, seen at %v", l.Holder, l.Seen.Received.Run, want, now)
	}
}

func TestObserverTellsWhoseTheLockIs(t *testing.T) {
	b := newBench(t, observing)
	b.look(0, appliance.HolderNobody)
	b.sent(0, sentLogin, observed)
	mark := b.mark()
	b.sim.LockByOther("gui")
	b.look(10*time.Second, appliance.HolderAnother)
	b.sent(mark, observed)
	// At most one in ten seconds, however often somebody looks.
	mark = b.mark()
	for range 10 {
		b.hands.advance(time.Second - time.Millisecond)
		b.holder(appliance.HolderAnother)
	}
	b.sent(mark)
	b.sim.UnlockByOther()
	b.look(10*time.Second, appliance.HolderNobody)
	// While the lock is ours, nothing is asked; the owning token is none of the observer's.
	b.acquire()
	mark = b.mark()
	b.hands.advance(time.Minute)
	b.holder(appliance.HolderYou)
	b.sent(mark)
	if b.own.token.text == b.watch.token.text || b.poll.token == b.watch.token {
		t.Error("the observer has a token of somebody else")
	}
	if _, err := b.Release(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	// It logs in again before its token ends, and not at each look.
	mark = b.mark()
	for range 60 {
		b.look(10*time.Second, appliance.HolderNobody)
	}
	logins := strings.Count(strings.Join(b.since(mark), "\n"), "auth/token")
	if len(b.since(mark)) != 61 || logins != 1 {
		t.Errorf("%d requests, %d logins", len(b.since(mark)), logins)
	}
}

func TestObserverStaysAway(t *testing.T) {
	t.Run("unless it is wanted", func(t *testing.T) {
		b := newBench(t)
		b.holder(appliance.HolderUnknown)
		b.sent(0)
	})
	t.Run("while read-only", func(t *testing.T) {
		b := newBench(t, observing, func(_ *Options, to *transport.Options) { to.ReadOnly = true })
		b.holder(appliance.HolderUnknown)
		b.sent(0)
	})
	t.Run("while something is open", func(t *testing.T) {
		b := newBench(t, observing)
		b.between(on("configuration/lock", lose))
		if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrAmbiguous) {
			t.Fatal(err)
		}
		mark := b.mark()
		b.holder(appliance.HolderUnknown)
		b.sent(mark)
		b.hands.advance(10 * time.Minute) // what was open has ended by itself
		b.look(0, appliance.HolderNobody)
	})
	t.Run("on a standby", func(t *testing.T) {
		b := newBench(t, observing)
		b.set("role", "standby")
		b.probe()
		mark := b.mark()
		b.holder(appliance.HolderUnknown)
		b.sent(mark)
	})
	t.Run("while somebody asks for the lock", func(t *testing.T) {
		b := newBench(t, observing)
		in, out := make(chan struct{}), make(chan struct{})
		b.between(on("configuration/lock", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			close(in)
			<-out
			next.ServeHTTP(w, r)
		}))
		var all sync.WaitGroup
		all.Go(func() { b.acquire() })
		<-in
		mark := b.mark()
		b.holder(appliance.HolderUnknown) // and it does not wait
		b.sent(mark)
		close(out)
		all.Wait()
	})
}

// The danger: where users are compared, the probe gives back the lock of another session of the same user. That ends it.
func TestObserverOnAnApplianceThatComparesUsers(t *testing.T) {
	b := newBench(t, observing)
	b.set("ownership", "user")
	b.probe() // tells the build
	other := b.another()
	if _, err := other.Acquire(t.Context(), theClaim); err != nil {
		t.Fatal(err)
	}
	mark := b.mark()
	_, err := b.Locks(t.Context())
	if err == nil || !strings.Contains(err.Error(), "gave back a configuration lock that user admin held") || !strings.Contains(err.Error(), "observer_probe = false") {
		t.Fatalf("err %v", err)
	}
	b.sent(mark, sentLogin, "POST "+version+"configuration/unlock 204")
	if owner := b.sim.LockOwner(); owner != "" {
		t.Fatalf("the danger is not as documented: still held by %q", owner)
	}
	if _, err := other.Acquire(t.Context(), theClaim); !errors.Is(err, ErrYours) {
		t.Fatal(err) // it does not know yet
	}
	mark = b.mark()
	b.hands.advance(time.Hour)
	if l := b.lock(); l.Holder != appliance.HolderNobody || l.Seen.Received.Run != 0 {
		t.Errorf("listed as %+v", l)
	}
	b.sent(mark)
	h := b.probe()
	if len(h.Told) != 1 || !strings.Contains(h.Told[0].Text.String(), "off for this build") || field(h, "observer_probe") != h.Told[0].Text.String() {
		t.Errorf("told %v, field %q", h.Told, field(h, "observer_probe"))
	}
	// Another build may be another matter.
	b.facts.build = appliance.Label("PCZ5.0.0")
	b.set("ownership", "token")
	b.look(0, appliance.HolderNobody)
}

// What an answer that says nothing of the lock does to the probe.
func TestObserverAnswers(t *testing.T) {
	locked := func(text string) string {
		return "<response><messages><errorMessage>" + text + "</errorMessage></messages></response>"
	}
	for name, c := range map[string]struct {
		with meddler
		off  bool
		then appliance.Holder // at the next look, when nothing stands between any more
	}{
		"403":             {page(403, mediaXML, ""), true, appliance.HolderUnknown},
		"404":             {page(404, mediaXML, ""), true, appliance.HolderUnknown},
		"400":             {page(400, mediaXML, ""), true, appliance.HolderUnknown},
		"423 other words": {page(423, mediaXML, locked("Go away.")), true, appliance.HolderUnknown},
		"423 no words":    {page(423, mediaXML, ""), true, appliance.HolderUnknown},
		"redirect": {func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.Redirect(w, r, "/x", 302) }, true,
			appliance.HolderUnknown},
		"401":         {page(401, mediaXML, ""), false, appliance.HolderNobody},
		"429":         {page(429, mediaXML, ""), false, appliance.HolderNobody},
		"500":         {page(500, mediaXML, ""), false, appliance.HolderNobody},
		"503":         {page(503, "text/html", "<html>"), false, appliance.HolderNobody},
		"cut":         {swallow, false, appliance.HolderNobody},
		"answer lost": {lose, false, appliance.HolderNobody},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, observing)
			b.between(on("configuration/unlock", c.with))
			b.holder(appliance.HolderUnknown)
			b.between(nil)
			if off := !b.notObserving().Empty(); off != c.off {
				t.Errorf("off: %v, want %v", off, c.off)
			}
			b.look(10*time.Second, c.then)
		})
	}
	// A page that claims success is taken for what it may be.
	b := newBench(t, observing)
	b.between(on("configuration/unlock", page(200, "text/html", "<html>")))
	if _, err := b.Locks(t.Context()); err == nil || b.notObserving().Empty() {
		t.Errorf("err %v", err)
	}
}

// A login of the observer that is rejected is told, so that it is counted (faults.md TOK-05); other failures are not.
func TestFault_TOK05_ObserverLogin(t *testing.T) {
	b := newBench(t, observing, as("admin", "wrong"))
	if _, err := b.Locks(t.Context()); !errors.Is(err, appliance.ErrCredentials) {
		t.Errorf("err %v", err)
	}
	b = newBench(t, observing)
	b.between(swallow)
	b.holder(appliance.HolderUnknown)
	b.sent(0, "POST "+version+"auth/token 0")
}

// The observer's token dies with a restart: it is replaced by the next look.
func TestObserverAfterARestart(t *testing.T) {
	b := newBench(t, observing)
	b.look(0, appliance.HolderNobody)
	b.sim.RevokeTokens()
	b.hands.advance(10 * time.Second)
	mark := b.mark()
	b.holder(appliance.HolderNobody)
	b.sent(mark, observer1)
	b.look(10*time.Second, appliance.HolderNobody)
	b.sent(mark, observer1, sentLogin, observed)
}

func TestObserverIsShown(t *testing.T) {
	b := newBench(t, observing)
	if h := b.probe(); len(h.Told) != 0 || !strings.HasPrefix(field(h, "observer_probe"), "on: ") {
		t.Errorf("told %v, field %q", h.Told, field(h, "observer_probe"))
	}
	calls := b.Locate(appliance.PartLocks, "")
	if len(calls) != 1 || !strings.HasSuffix(calls[0].URL, "configuration/unlock") {
		t.Errorf("%v", calls)
	}
	if h := newBench(t).probe(); field(h, "observer_probe") != "" {
		t.Errorf("shown though it is off: %q", field(h, "observer_probe"))
	}
}
