package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/appliance/sim"
)

// trusting runs `holdfast trust dc1` on an appliance without a pin in the configuration.
func trusting(t *testing.T, test func(t *testing.T, sims *sim.Fleet, config string, trust func(answer string) result)) {
	t.Helper()
	withFleet(t, sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA, RequestLog: true}}, Seed: 1}, func(t *testing.T, sims *sim.Fleet, config string) {
		change(t, config, func(text string) string {
			var lines []string
			for line := range strings.Lines(text) {
				if !strings.HasPrefix(line, "pin = ") {
					lines = append(lines, line)
				}
			}
			return strings.Join(lines, "")
		})
		test(t, sims, config, func(answer string) result {
			return call{args: []string{"--config", config, "trust", "dc1"}, in: answer, terminal: true, user: "maria", sims: sims}.run(t.Context())
		})
	})
}

func pins(t *testing.T, config string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(config), "state", "known_appliances"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// After a full yes the key is kept, and the fleet is spoken to.
func TestTrustYes(t *testing.T) {
	t.Parallel()
	trusting(t, func(t *testing.T, sims *sim.Fleet, config string, trust func(string) result) {
		a := sims.Appliance("dc1")
		trust("yes\n").want(t, ExitDone, "dc1 at https://198.18.0.1 shows", a.Pin, "Trusted.")
		if n := len(a.Requests()); n != 0 {
			t.Errorf("%d requests were sent before the key was trusted", n)
		}
		if !strings.Contains(pins(t, config), a.Pin) || !strings.Contains(pins(t, config), "maria") {
			t.Errorf("known: %q", pins(t, config))
		}
		trust("").want(t, ExitDone, "trusted already")
		call{args: []string{"--config", config, "status"}, sims: sims}.run(t.Context()).want(t, ExitDone)
	})
}

// Anything but yes, also silence, leaves things as they are.
func TestTrustNo(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"no": "no\n", "y": "y\n", "enter": "\n", "end of input": "", "yes and more": "yes please\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trusting(t, func(t *testing.T, _ *sim.Fleet, config string, trust func(string) result) {
				trust(answer).want(t, ExitRefused, "not confirmed, nothing was changed")
				if got := pins(t, config); strings.Contains(got, "sha256//") {
					t.Errorf("known: %q", got)
				}
			})
		})
	}
}

// A key that has changed is told with the old one, and only an admin confirms it.
func TestTrustChangedKey(t *testing.T) {
	t.Parallel()
	trusting(t, func(t *testing.T, sims *sim.Fleet, config string, trust func(string) result) {
		a := sims.Appliance("dc1")
		trust("yes\n").want(t, ExitDone)
		pin, err := a.SwapCertificate(sim.Cert{NewKey: true})
		if err != nil {
			t.Fatal(err)
		}
		trust("no\n").want(t, ExitRefused, "Until now this one was trusted:", a.Pin, pin)
		change(t, config, func(text string) string { return "role = \"operator\"\n" + text })
		trust("yes\n").want(t, ExitRefused, "confirmed by an admin; your role is operator")
		change(t, config, func(text string) string { return strings.Replace(text, "operator", "admin", 1) })
		trust("yes\n").want(t, ExitDone, "Trusted.")
		call{args: []string{"--config", config, "status"}, sims: sims}.run(t.Context()).want(t, ExitDone)
	})
}

// Who confirmed which key in place of which one is an event; a yes that cannot be recorded changes nothing.
func TestFault_TLS02_ReTrustIsLogged(t *testing.T) {
	t.Parallel()
	trusting(t, func(t *testing.T, sims *sim.Fleet, config string, trust func(string) result) {
		old := sims.Appliance("dc1").Pin
		events := func() result { return call{args: []string{"--config", config, "events"}}.run(t.Context()) }
		trust("no\n").want(t, ExitRefused)
		if r := events(); strings.Contains(r.out, "key") {
			t.Errorf("an event of what was not confirmed: %s", r.out)
		}
		trust("yes\n").want(t, ExitDone)
		events().want(t, ExitDone, "maria  confirmed the key "+old)
		pin, err := sims.Appliance("dc1").SwapCertificate(sim.Cert{NewKey: true})
		if err != nil {
			t.Fatal(err)
		}
		trust("yes\n").want(t, ExitDone, "Trusted.")
		events().want(t, ExitDone, "dc1  maria  confirmed the key "+pin+" in place of "+old)

		if _, err := sims.Appliance("dc1").SwapCertificate(sim.Cert{NewKey: true}); err != nil {
			t.Fatal(err)
		}
		db := filepath.Join(filepath.Dir(config), "state", "journal.db")
		if err := os.Rename(db, db+".away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(db, 0o700); err != nil {
			t.Fatal(err)
		}
		trust("yes\n").want(t, ExitFailed, "could not be recorded, so nothing was changed")
		if got := pins(t, config); !strings.Contains(got, pin) {
			t.Errorf("known: %q", got)
		}
	})
}

// Nobody confirms a key where nobody is.
func TestTrustWithoutTerminal(t *testing.T) {
	t.Parallel()
	trusting(t, func(t *testing.T, sims *sim.Fleet, config string, _ func(string) result) {
		r := call{args: []string{"--config", config, "trust", "dc1"}, in: "yes\n", sims: sims}.run(t.Context())
		r.want(t, ExitRefused, "nobody is here to confirm the key")
		if got := pins(t, config); strings.Contains(got, "sha256//") {
			t.Errorf("known: %q", got)
		}
	})
}

// A pin in the configuration wins: it is confirmed, or the command refuses.
func TestTrustWithPin(t *testing.T) {
	t.Parallel()
	withFleet(t, sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}}, func(t *testing.T, sims *sim.Fleet, config string) {
		trust := call{args: []string{"--config", config, "trust", "dc1"}, in: "yes\n", terminal: true, sims: sims}
		trust.run(t.Context()).want(t, ExitDone, "pins this very key")
		if _, err := sims.Appliance("dc1").SwapCertificate(sim.Cert{NewKey: true}); err != nil {
			t.Fatal(err)
		}
		trust.run(t.Context()).want(t, ExitRefused, "The configuration pins another key and wins", "change the pin of dc1")
	})
}

// An appliance that cannot be reached has no key to show.
func TestTrustUnreachable(t *testing.T) {
	t.Parallel()
	trusting(t, func(t *testing.T, _ *sim.Fleet, config string, trust func(string) result) {
		change(t, config, func(text string) string { return strings.ReplaceAll(text, "https://198.18.0.1", "https://198.18.9.9") })
		trust("yes\n").want(t, ExitUnreachable, "look at the key of dc1")
	})
}
