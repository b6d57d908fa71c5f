package tokens

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"holdfast/appliance"
	"holdfast/appliance/ecb"
)

// slowly is the keyring in memory, each call of which waits until it is let through.
// begun is how many entries were being set so far.
func slowly(r *Keyring) (let chan struct{}, begun *atomic.Int32) {
	let, begun = make(chan struct{}), new(atomic.Int32)
	r.set = func(service, user, value string) error { begun.Add(1); <-let; return keyring.Set(service, user, value) }
	r.get = func(service, user string) (string, error) { <-let; return keyring.Get(service, user) }
	r.remove = func(service, user string) error { <-let; return keyring.Delete(service, user) }
	return let, begun
}

// calls are the three calls on a store.
func calls(ctx context.Context, s ecb.Tokens) map[string]error {
	_, read := s.Kept(ctx, "one")
	return map[string]error{"read": read, "keep": s.Keep(ctx, "one", sample), "remove": s.Forget(ctx, "one")}
}

func TestFault_SEC03_Keyring(t *testing.T) {
	keyring.MockInit()
	r := InKeyring("dc1")
	if _, err := r.Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("err %v", err)
	}
	if err := r.Keep(t.Context(), "one", sample); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Kept(t.Context(), "one"); err != nil || !same(got, sample) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := InKeyring("dc2").Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("err %v", err)
	}
	for range 2 {
		if err := r.Forget(t.Context(), "one"); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
		t.Errorf("err %v", err)
	}
	for what, err := range map[string]error{"keep": r.Keep(t.Context(), "../x", sample), "remove": r.Forget(t.Context(), "../x")} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// Absent, locked and failing: each says which entry, what is wrong and what to do, and tells no token.
func TestFault_SEC03_KeyringThatFails(t *testing.T) {
	for words, fails := range map[string]error{
		"there is no keyring on this system":           keyring.ErrUnsupportedPlatform,
		"does not take entries of that size":           keyring.ErrSetDataTooBig,
		"locked or not there: prompt dismissed␛":       errors.New("prompt dismissed\x1b[2J"),
		"locked or not there: org.freedesktop.Secrets": errors.New("org.freedesktop.Secrets was not provided"),
	} {
		keyring.MockInitWithError(fails)
		for what, err := range calls(t.Context(), InKeyring("dc1")) {
			s := fmt.Sprint(err)
			if err == nil || errors.Is(err, appliance.ErrGone) || !strings.Contains(s, words) || !strings.Contains(s, `token_store = "file"`) ||
				!strings.Contains(s, what+" the keyring entry") {
				t.Errorf("%s: %s", what, s)
			}
		}
	}
	keyring.MockInitWithError(errors.New("cannot store " + canary + " here"))
	if err := InKeyring("dc1").Keep(t.Context(), "one", sample); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("err %v", err)
	}
	keyring.MockInit()
	r := InKeyring("dc1")
	account, err := name("one", "dc1")
	if err == nil {
		err = keyring.Set(Service, account, "something else "+canary)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Kept(t.Context(), "one"); err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("err %v", err)
	}
}

// A keyring that does not answer costs ten seconds, or less when the caller leaves; and a Set that comes through late does not
// overwrite a later one.
func TestFault_SEC03_KeyringThatIsSlow(t *testing.T) {
	keyring.MockInit()
	synctest.Test(t, func(t *testing.T) {
		r := InKeyring("dc1")
		let, begun := slowly(r)
		began := time.Now()
		err := r.Keep(t.Context(), "one", sample)
		if took := time.Since(began); took != 10*time.Second || err == nil || !strings.Contains(err.Error(), "locked or does not answer (10s)") {
			t.Errorf("%v after %s", err, took)
		}
		// The first is still on its way: nothing else is begun.
		later := sample
		later.Phase = ecb.KeptHeld
		began = time.Now()
		if err := r.Keep(t.Context(), "one", later); err == nil || time.Since(began) != 10*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if begun.Load() != 1 {
			t.Errorf("%d entries are being set at once", begun.Load())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for what, err := range calls(ctx, r) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		close(let)
		synctest.Wait()
		if err := r.Keep(t.Context(), "one", later); err != nil {
			t.Fatal(err)
		}
		if got, err := r.Kept(t.Context(), "one"); err != nil || !same(got, later) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
