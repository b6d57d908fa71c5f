package connect

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/config"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/appliance/sim"
	"holdfast/appliance/tokens"
)

// ecbOf is the settings of the simulated ECB.
func ecbOf(t *testing.T, c *config.Config) config.Appliance {
	t.Helper()
	a, ok := c.Appliance("e")
	if !ok {
		t.Fatal("no ECB")
	}
	return a
}

// A lock that one engine took is taken up by the next and given back, wherever its token was kept.
func TestFault_TOK02_TakenUpByTheNextEngine(t *testing.T) {
	for _, where := range []string{config.StoreFile, config.StoreKeyring} {
		t.Run(where, func(t *testing.T) {
			keyring.MockInit()
			served, c := start(t)
			a, state := ecbOf(t, c), t.TempDir()
			a.TokenStore = where
			one := client(t, a, Deps{StateDir: state, Engine: "one"})
			if _, err := one.(appliance.Locker).Acquire(t.Context(), appliance.Claim{Scope: appliance.ConfigurationLock}); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(state, "tokens", "*"))
			if err != nil || (len(files) == 1) != (where == config.StoreFile) {
				t.Errorf("files %v, %v", files, err)
			}
			two := client(t, a, Deps{StateDir: state, Engine: "two"})
			if held, err := two.(appliance.Resumer).Resume(t.Context(), "one"); !held || err != nil {
				t.Fatalf("held %v, %v", held, err)
			}
			if _, err := two.(appliance.Locker).Release(t.Context(), appliance.Lock{ID: appliance.ConfigurationLock}); err != nil {
				t.Fatal(err)
			}
			if owner := served.Appliance("e").ECB.LockOwner(); owner != "" {
				t.Errorf("still held by %q", owner)
			}
			if files, _ := filepath.Glob(filepath.Join(state, "tokens", "*")); len(files) != 0 {
				t.Errorf("left behind: %v", files)
			}
			if _, err := tokens.InKeyring(a.Name).Kept(t.Context(), "one"); !errors.Is(err, appliance.ErrGone) {
				t.Errorf("left in the keyring: %v", err)
			}
		})
	}
}

// Without a state folder or an engine nothing is written anywhere; with a keyring that is not there, nothing is locked.
func TestWhereTokensAreKept(t *testing.T) {
	_, c := start(t)
	a, state := ecbOf(t, c), t.TempDir()
	t.Chdir(state)
	for _, d := range []Deps{{StateDir: state}, {Engine: "one"}} {
		locker := client(t, a, d).(appliance.Locker)
		if _, err := locker.Acquire(t.Context(), appliance.Claim{Scope: appliance.ConfigurationLock}); err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(state); err != nil || len(entries) != 0 {
			t.Errorf("%v, %v", entries, err)
		}
		if _, err := locker.Release(t.Context(), appliance.Lock{ID: appliance.ConfigurationLock}); err != nil {
			t.Fatal(err)
		}
		if _, err := locker.(appliance.Resumer).Resume(t.Context(), "zero"); !errors.Is(err, appliance.ErrGone) {
			t.Errorf("err %v", err)
		}
	}
	keyring.MockInitWithError(keyring.ErrUnsupportedPlatform)
	a.TokenStore = config.StoreKeyring
	locker := client(t, a, Deps{StateDir: state, Engine: "one"}).(appliance.Locker)
	_, err := locker.Acquire(t.Context(), appliance.Claim{Scope: appliance.ConfigurationLock})
	if err == nil || !strings.Contains(err.Error(), `there is no keyring on this system; set token_store = "file"`) {
		t.Errorf("err %v", err)
	}
}

// A wrong password is offered twice at the most, as the appliance counts it, whatever polls, probes and acts go on.
func TestFault_TOK05_CountedByTheAppliance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served, err := sim.Start(t.Context(), sim.Config{Appliances: []sim.Spec{{Name: "e", Kind: sim.KindECB}}, Memory: true})
		if err != nil {
			t.Fatal(err)
		}
		defer served.Close()
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte("wrong"), 0o600); err != nil {
			t.Fatal(err)
		}
		e := served.Appliance("e")
		clk := clock.System()
		c, err := New(config.Appliance{
			Name: "e", Kind: appliance.ECB, URL: e.URL, User: "admin", Password: config.PasswordFrom{File: file},
			Trust: config.Trust{Pin: e.Pin}, ObserverProbe: true,
		}, Deps{Dial: served.DialContext, Clock: clk})
		if err != nil {
			t.Fatal(err)
		}
		engine, err := fleet.New(fleet.Options{Members: []fleet.Member{{Appliance: c, Name: "e", Kind: appliance.ECB}}, Clock: clk, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		engine.Start(t.Context())
		defer engine.Close()
		maria := policy.Person{Name: "maria", Role: policy.Admin}
		for range 6 {
			<-time.After(10 * time.Minute)
			act := appliance.Act{Verb: appliance.VerbAcquire, Claim: appliance.Claim{Scope: appliance.ConfigurationLock}}
			if _, err := engine.Do(t.Context(), maria, "e", act); err == nil {
				t.Error("a lock was taken")
			}
		}
		refused := 0
		for _, x := range served.Truth().Effects() {
			if x.What == "token.refused" {
				refused++
			}
		}
		if refused == 0 || refused > 2 {
			t.Errorf("the appliance refused %d logins, want 1 or 2", refused)
		}
	})
}
