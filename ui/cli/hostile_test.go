package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"holdfast/appliance/sim"
)

// printed fails on everything in a text that is not to be printed: controls but the end of a line, and what turns or hides text.
func printed(t *testing.T, what, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)) || r == unicode.ReplacementChar {
			t.Fatalf("%s: %q in %q", what, r, text[max(0, i-40):min(len(text), i+40)])
		}
	}
}

// Hostile words of an appliance reach neither stdout, stderr, the log nor the journal's events as they are, whatever is listed, done
// or refused; what stands behind them does.
func TestFault_DAT07_LocksAndEvents(t *testing.T) {
	t.Parallel()
	hostile := []string{"a\x1b]0;pwned\x07TAIL1", "b\u202eTAIL2", "c\u009b31mTAIL3", "d\rTAIL4", "e\u2028\nTAIL5", "f\x1b[2J\u200bTAIL6", "g\x7f\bTAIL7"}
	cfg := pair()
	cfg.Switches = []string{"message-text=hostile"}
	withFleet(t, cfg, func(t *testing.T, sims *sim.Fleet, config string) {
		lxca := sims.Appliance("dc1").LXCA
		ids := map[string]string{}
		for _, words := range hostile {
			ids[words] = lxca.AddForeignLock(words, time.Hour)
		}
		run := func(args ...string) result {
			t.Helper()
			r := call{args: append([]string{"--config", config}, args...), sims: sims, user: "maria"}.run(t.Context())
			logged, err := os.ReadFile(filepath.Join(filepath.Dir(config), "state", "holdfast.log"))
			if err != nil {
				t.Fatal(err)
			}
			for what, text := range map[string]string{"stdout": r.out, "stderr": r.err, "the log": string(logged)} {
				printed(t, fmt.Sprintf("%s of %q", what, args), text)
			}
			return r
		}
		for _, args := range [][]string{{"locks", "list"}, {"locks", "list", "--json"}, {"locks", "list", "dc1"}} {
			r := run(args...)
			for i := range hostile {
				r.want(t, ExitDone, fmt.Sprintf("TAIL%d", i+1))
			}
		}
		run("locks", "acquire", "dc1", "UP", "--ttl", "20m").want(t, ExitDone, "took UP")
		for words, id := range ids { // another's, by its id and by its words
			run("locks", "release", "dc1", id)
			run("locks", "release", "dc1", words)
			run("locks", "extend", "dc1", id)
			run("locks", "acquire", "dc1", words)
			run("locks", "hold", words, "UP", "--", "true")
		}
		if err := lxca.Switches().Set("lock-duplicate", "400"); err != nil {
			t.Fatal(err)
		}
		run("locks", "acquire", "dc1", "UP").want(t, ExitFailed, "400") // in the appliance's words
		run("locks", "release", "dc1", "UP").want(t, ExitDone)
		run("events").want(t, ExitDone, "took UP", "released UP")
		if r := run("events", "--json"); strings.Count(r.out, "\n") < 2 {
			t.Errorf("events: %s", r.out)
		}
	})
}

// The name of the operator's account comes from outside too: it is cleaned before it is shown, logged or kept. The half of the row
// about what a client of the SSH server says waits for that server.
func TestFault_SSH18_HostileAccount(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		for _, args := range [][]string{
			{"locks", "acquire", "dc1", "UP", "--ttl", "20m"}, {"locks", "list"}, {"locks", "list", "--json"}, {"events"}, {"events", "--json"},
		} {
			r := call{args: append([]string{"--config", config}, args...), user: "ma\x1b]0;pwned\aria\u202e\n", sims: sims}.run(t.Context())
			r.want(t, ExitDone)
			printed(t, strings.Join(args, " "), r.out+r.err)
			if args[0] == "events" {
				r.want(t, ExitDone, "ria")
			}
		}
		log, err := os.ReadFile(filepath.Join(filepath.Dir(config), "state", "holdfast.log"))
		if err != nil {
			t.Fatal(err)
		}
		printed(t, "the log", string(log))
	})
}
