package ecb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// shelf keeps in memory what the client of one appliance keeps, as all engines of a host see it.
type shelf struct {
	mu     sync.Mutex
	kept   map[string]Kept
	broken error // what each Keep and Forget fails with
	full   bool  // only Keep does
}

func newShelf() *shelf { return &shelf{kept: map[string]Kept{}} }

func (s *shelf) Keep(ctx context.Context, engine string, k Kept) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.broken, ctx.Err()); err != nil {
		return err
	}
	if s.full {
		return errors.New("disk full")
	}
	s.kept[engine] = k
	return nil
}

func (s *shelf) Kept(ctx context.Context, engine string) (Kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[engine]
	if !ok {
		return Kept{}, fmt.Errorf("%w: nothing is kept of it", appliance.ErrGone)
	}
	return k, ctx.Err()
}

func (s *shelf) Forget(ctx context.Context, engine string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := errors.Join(s.broken, ctx.Err()); err != nil {
		return err
	}
	delete(s.kept, engine)
	return nil
}

func (s *shelf) breakDown(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// engines are those that something is kept of.
func (s *shelf) engines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for e, k := range s.kept {
		all = append(all, e+" "+string(k.Phase))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func keeping(s *shelf, engine string) setup {
	return func(o *Options, _ *transport.Options) { o.Tokens, o.Engine = s, engine }
}

// At each request that may make the lock ours or move it, what it hangs on is kept already; and it is forgotten once the lock
// is surely not ours.
func TestFault_TOK02_KeptBeforeItIsSent(t *testing.T) {
	s := newShelf()
	b := newBench(t, keeping(s, "one"))
	var at []string
	b.between(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet {
			at = append(at, r.URL.Path[len(version):]+": "+s.engines())
		}
		next.ServeHTTP(w, r)
	})
	b.acquire()
	first := s.kept["one"]
	if first.Phase != KeptHeld || first.URL != b.url || first.User != "admin" || first.Version != "v1.1" || !first.Token.Issued.Equal(start) {
		t.Errorf("%+v", first)
	}
	b.hands.advance(5 * time.Minute)
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	second := s.kept["one"]
	if second.Phase != KeptHeld || second.Token == first.Token || !second.Next.Text.Empty() || !second.Asked.IsZero() {
		t.Errorf("%+v", second)
	}
	b.hands.advance(5 * time.Minute)
	if _, err := b.Renew(t.Context(), theLock); err != nil { // believed, not proven: the old one stays kept until the next
		t.Fatal(err)
	}
	third := s.kept["one"]
	if third.Phase != KeptHeld || third.Token != second.Token || third.Next.Text.Empty() {
		t.Errorf("%+v", third)
	}
	if _, err := b.Release(t.Context(), theLock); err != nil || s.engines() != "" {
		t.Errorf("released: %v, kept: %s", err, s.engines())
	}
	want := []string{
		"auth/token: ", "configuration/lock: one locking",
		"auth/token: one renewing", "auth/token: one held", "configuration/management: one held",
		"auth/token: one renewing", "configuration/unlock: one unlocking",
	}
	if !slices.Equal(at, want) {
		t.Errorf("kept at each request:\n  %s\nwant\n  %s", strings.Join(at, "\n  "), strings.Join(want, "\n  "))
	}
}

// Nothing is asked for when the token that would own the lock cannot be kept.
func TestFault_TOK02_NotKeptNotAsked(t *testing.T) {
	s := newShelf()
	b := newBench(t, keeping(s, "one"))
	s.breakDown(errors.New("no space left on /state/tokens: free some"))
	for range 3 {
		_, err := b.Acquire(t.Context(), theClaim)
		if err == nil || !strings.Contains(err.Error(), "nothing was asked for") || !strings.Contains(err.Error(), "/state/tokens: free some") {
			t.Fatalf("err %v", err)
		}
	}
	b.sent(0, sentLogin)
	if b.sim.LockOwner() != "" || b.ownership().phase != phaseNone {
		t.Errorf("owner %q, phase %d", b.sim.LockOwner(), b.ownership().phase)
	}
	s.breakDown(nil)
	b.acquire()
}

// A lock that is ours already goes on when its token cannot be kept, and that is told until it works again.
func TestFault_TOK02_RenewedWithoutBeingKept(t *testing.T) {
	s := newShelf()
	b := newBench(t, keeping(s, "one"))
	b.acquire()
	s.breakDown(errors.New("disk full"))
	told := func(said []appliance.Message) bool {
		return slices.ContainsFunc(said, func(m appliance.Message) bool { return strings.Contains(m.Text.String(), "disk full") })
	}
	r, err := b.Renew(t.Context(), theLock)
	if err != nil || !told(r.Told) {
		t.Errorf("told %v, %v", r.Told, err)
	}
	if h := b.probe(); !told(h.Told) {
		t.Errorf("probe told %v", h.Told)
	}
	b.hands.advance(time.Minute)
	s.breakDown(nil)
	if r, err = b.Renew(t.Context(), theLock); err != nil || len(r.Told) != 0 {
		t.Errorf("told %v, %v", r.Told, err)
	}
	if h := b.probe(); told(h.Told) {
		t.Errorf("probe told %v", h.Told)
	}
	s.breakDown(errors.New("disk full"))
	if r, err = b.Release(t.Context(), theLock); err != nil || !told(r.Told) {
		t.Errorf("told %v, %v", r.Told, err)
	}
}

// What ended by itself is forgotten by the next listing, also when nobody asks for anything.
func TestEndedTokenIsForgotten(t *testing.T) {
	s := newShelf()
	b := newBench(t, keeping(s, "one"))
	b.acquire()
	b.hands.advance(10*time.Minute - time.Nanosecond)
	b.holder(appliance.HolderYou)
	if s.engines() != "one held" {
		t.Errorf("kept: %s", s.engines())
	}
	b.hands.advance(time.Nanosecond)
	b.holder(appliance.HolderUnknown)
	if s.engines() != "" {
		t.Errorf("kept: %s", s.engines())
	}
}

// Whatever a request about the lock is answered, what is kept says the same as what the client believes.
func TestKeptFollowsWhatIsBelieved(t *testing.T) {
	for name, step := range map[string]struct {
		do   func(*bench) error
		want string
	}{
		"held by another": {func(b *bench) error { b.sim.LockByOther("gui"); _, err := b.Acquire(t.Context(), theClaim); return err }, ""},
		"lock answer lost": {func(b *bench) error {
			b.between(on("configuration/lock", lose))
			_, err := b.Acquire(t.Context(), theClaim)
			return err
		}, "one locking"},
		"renewal answer lost": {func(b *bench) error {
			b.acquire()
			b.between(on("auth/token", lose))
			_, err := b.Renew(t.Context(), theLock)
			return err
		}, "one renewing"},
		"no password for a renewal": {func(b *bench) error {
			b.acquire()
			b.between(on("auth/token", page(400, mediaXML, "")))
			_, err := b.Renew(t.Context(), theLock)
			return err
		}, "one renewing"},
		"unlock answer lost": {func(b *bench) error {
			b.acquire()
			b.between(on("configuration/unlock", lose))
			_, err := b.Release(t.Context(), theLock)
			return err
		}, "one unlocking"},
		"unlock refused": {func(b *bench) error {
			b.acquire()
			b.between(on("configuration/unlock", page(403, mediaXML, "")))
			_, err := b.Release(t.Context(), theLock)
			return err
		}, "one held"},
		"stolen": {func(b *bench) error {
			b.acquire()
			b.sim.StealByOther("gui")
			_, err := b.Release(t.Context(), theLock)
			return err
		}, ""},
		"caller left a renewal": {func(b *bench) error {
			b.acquire()
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			b.between(on("auth/token", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				b.hands.advance(time.Second)
				leave()
				lose(w, r, next)
			}))
			_, err := b.Renew(ctx, theLock)
			return err
		}, "one renewing"},
		"caller left": {func(b *bench) error {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			b.between(on("configuration/lock", func(w http.ResponseWriter, r *http.Request, next http.Handler) { leave(); lose(w, r, next) }))
			_, err := b.Acquire(ctx, theClaim)
			return err
		}, "one locking"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf()
			b := newBench(t, keeping(s, "one"))
			if err := step.do(b); err == nil {
				t.Error("it did not fail")
			}
			if s.engines() != step.want || !b.trouble.Empty() {
				t.Errorf("kept %q, want %q; trouble %q", s.engines(), step.want, b.trouble)
			}
		})
	}
}

// A token to which the lock was refused is used again while it has more than half of its life before it; the lock that it
// gets counts from the token's issue.
func TestWaitingCostsFewLogins(t *testing.T) {
	b := newBench(t, keeping(newShelf(), "one"))
	b.sim.LockByOther("gui")
	const lock423, lock204 = "POST " + version + "configuration/lock 423", "POST " + version + "configuration/lock 204"
	try := func() {
		t.Helper()
		if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrHeld) {
			t.Fatalf("err %v", err)
		}
	}
	try()
	b.sent(0, sentLogin, lock423)
	if got := len(b.Explain(appliance.Act{Verb: appliance.VerbAcquire})); got != 1 {
		t.Errorf("%d requests announced, want the lock alone", got)
	}
	mark := b.mark()
	for range 14 {
		b.hands.advance(20 * time.Second)
		try()
	}
	b.sent(mark, slices.Repeat([]string{lock423}, 14)...)
	b.hands.advance(20 * time.Second) // half of its life
	if got := len(b.Explain(appliance.Act{Verb: appliance.VerbAcquire})); got != 2 {
		t.Errorf("%d requests announced, want a login and the lock", got)
	}
	mark = b.mark()
	try()
	b.sent(mark, sentLogin, lock423)
	b.hands.advance(2 * time.Minute)
	b.sim.UnlockByOther()
	mark = b.mark()
	if r := b.acquire(); r.Stamp.Sent.Run != 5*time.Minute || b.lock().Seen != r.Stamp {
		t.Errorf("counts from %v, want from the issue of the token", r.Stamp.Sent.Run)
	}
	b.sent(mark, lock204)
}

// A restart ends such a token. That says nothing of our credentials, and the request is not sent again by itself.
func TestWaitingTokenDies(t *testing.T) {
	b := newBench(t)
	b.sim.LockByOther("gui")
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrHeld) {
		t.Fatal(err)
	}
	b.sim.RevokeTokens()
	b.sim.UnlockByOther()
	mark := b.mark()
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrBusy) || errors.Is(err, appliance.ErrCredentials) {
		t.Errorf("err %v", err)
	}
	b.sent(mark, "POST "+version+"configuration/lock 401")
	b.acquire()
}
