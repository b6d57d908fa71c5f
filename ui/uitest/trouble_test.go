package uitest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// as logs in with another account everywhere.
func as(user, password string) func(string) string {
	return func(config string) string {
		config = strings.ReplaceAll(config, `user = "admin"`, `user = "`+user+`"`)
		for line := range strings.Lines(config) { // each appliance has a password file of its own
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "password_file = "); ok {
				if err := os.WriteFile(strings.Trim(path, `"`), []byte(password), 0o600); err != nil {
					panic(err)
				}
			}
		}
		return config
	}
}

// one is a fleet of a single LXCA.
func one() sim.Config {
	return sim.Config{Appliances: []sim.Spec{{Name: "dc1-lxca", Kind: sim.KindLXCA, RequestLog: true}}, Backups: 2, Seed: 1}
}

// A wrong password is offered twice and never again by itself, so that the account is not locked out; R offers it
// once more.
func TestWrongPassword(t *testing.T) {
	t.Parallel()
	uitest.Run(t, uitest.Options{Sim: one(), Config: as("admin", "wrong")}, func(x *uitest.Terminal) {
		x.Until("1 refused").Until("dc1-lxca", "refused")
		asked := func() int {
			n := 0
			for _, k := range x.Fleet.Appliance("dc1-lxca").Requests() {
				n += k
			}
			return n
		}
		x.Advance(5 * time.Minute)
		if n := asked(); n > 2 {
			t.Errorf("the wrong password was sent %d times", n)
		}
		x.Press("1", "enter").Until("what to do", "correct the password").Press("esc")
		x.Press("a").Until("acquire: it does not answer now (refused)")
		before := asked()
		x.Press("R")
		x.Advance(5 * time.Minute)
		if n := asked() - before; n != 1 {
			t.Errorf("R had the wrong password sent %d times, not once", n)
		}
	})
}

// Once the password is corrected where it comes from, R is all it takes, as the advice says.
func TestCorrectedPassword(t *testing.T) {
	t.Parallel()
	uitest.Run(t, uitest.Options{Sim: one(), Config: as("admin", "wrong")}, func(x *uitest.Terminal) {
		x.Until("1 refused")
		if err := os.WriteFile(filepath.Join(x.Dir, "dc1-lxca.password"), []byte("Passw0rd-admin"), 0o600); err != nil {
			t.Fatal(err)
		}
		x.Press("R").Until("1 up").Until("answers again")
	})
}

// An appliance that cannot be reached stops nobody: its row says so, the others go on.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	config := func(text string) string {
		return text + "\n[[appliance]]\nname = \"old-lxca\"\nkind = \"lxca\"\nurl = \"https://198.18.9.9\"\nuser = \"admin\"\n" +
			"password_file = \"dc1-lxca.password\"\n"
	}
	uitest.Run(t, uitest.Options{Sim: fleet(), Config: config}, func(x *uitest.Terminal) {
		x.Until("4 appliances", "3 up", "1 down").Until("old-lxca", "down")
		x.Press("1", "G", "enter").Until("trouble", "cannot be reached").Until("what to do", "check that it is on").Press("esc")
		x.Press("a").Until("acquire: it does not answer now (down)")
		x.Press("g")
		acquire(x, "updates", "20m")
		x.Until("UP Updates", "you")
	})
}

// What goes away and comes back is told once each way, and its data is called old meanwhile.
func TestGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	uitest.Run(t, uitest.Options{Sim: one(), Prepare: foreign("FC", time.Hour)}, func(x *uitest.Terminal) {
		x.Until("FC Operating", "another")
		away := x.Fleet.Appliance("dc1-lxca").LXCA
		away.SetAway(true)
		x.UntilMatch(`dc1-lxca +(restarting|down)`)
		x.Advance(time.Minute)
		x.UntilMatch(`FC Operating.* [1-9] m old │`)
		away.SetAway(false)
		x.Until("1 up").Until("answers again").UntilGone("FC Operating", " old")
	})
}

// A key that nobody confirmed is not spoken to: the row says how to confirm it.
func TestUntrusted(t *testing.T) {
	t.Parallel()
	config := func(text string) string {
		var lines []string
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "pin = ") {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "")
	}
	uitest.Run(t, uitest.Options{Sim: one(), Config: config}, func(x *uitest.Terminal) {
		x.Until("1 untrusted").Press("1", "enter").Until("what to do", "holdfast trust dc1-lxca").Until("trouble", "not trusted")
		if n := len(x.Fleet.Appliance("dc1-lxca").Requests()); n != 0 {
			t.Errorf("%d requests were sent to a stranger", n)
		}
	})
}

// A key that changes while the program runs is noticed at the next connection.
func TestKeyChanges(t *testing.T) {
	t.Parallel()
	uitest.Run(t, uitest.Options{Sim: one()}, func(x *uitest.Terminal) {
		x.Until("1 up")
		a := x.Fleet.Appliance("dc1-lxca")
		if _, err := a.SwapCertificate(sim.Cert{NewKey: true}); err != nil {
			t.Fatal(err)
		}
		if err := a.LXCA.Switches().Set("away", "close"); err != nil {
			t.Fatal(err)
		}
		a.LXCA.SetAway(true) // ends the connection that stands; the next one shows the new key
		x.Until("dc1-lxca", "untrusted").Press("1", "enter").Until("what to do", "holdfast trust dc1-lxca")
	})
}

// Backups that are too old, a password and a certificate that end soon are told in the row.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*sim.Fleet) error
		notice  string
		config  string // that switches it off
	}{
		"old backup": {func(f *sim.Fleet) error {
			a := f.Appliance("dc1-lxca").LXCA
			for _, b := range a.Backups() {
				if !a.RemoveBackup(b.UUID, "all") {
					return errors.New("the backup stays")
				}
			}
			a.AddBackup(xclarity.Backup{Label: "old one", Taken: time.Now().Add(-10 * 24 * time.Hour), Locations: []string{"internal"}})
			return nil
		}, "newest backup", "backup_age = \"0s\""},
		"password": {func(f *sim.Fleet) error {
			return f.Appliance("dc1-lxca").LXCA.Switches().Set("password-days", "10")
		}, "password ends in 10 days", "password_days = 0"},
		"certificate": {func(f *sim.Fleet) error {
			_, err := f.Appliance("dc1-lxca").SwapCertificate(sim.Cert{NotAfter: time.Now().Add(5*24*time.Hour + time.Hour)})
			return err
		}, "certificate ends in 5 days", "certificate_days = 0"},
	} {
		for _, off := range []bool{false, true} {
			o := uitest.Options{Sim: one(), Prepare: func(f *sim.Fleet) {
				if err := c.prepare(f); err != nil {
					t.Error(err)
				}
			}}
			title := name
			if off {
				title += " switched off"
				o.Config = func(text string) string {
					return strings.Replace(text, "\n[[appliance]]", "\n[warn]\n"+c.config+"\n\n[[appliance]]", 1)
				}
			}
			t.Run(title, func(t *testing.T) {
				t.Parallel()
				uitest.Run(t, o, func(x *uitest.Terminal) {
					x.Until("1 up").Press("1", "enter").Until("product", "LXCA")
					if off {
						x.Never(c.notice)
					} else {
						x.Until("warning", c.notice)
					}
				})
			})
		}
	}
}

// A password that is asked for and not given makes a row that says so; nobody is asked with an empty one.
func TestNoPassword(t *testing.T) {
	t.Parallel()
	prompt := func(config string) string {
		var lines []string
		for line := range strings.Lines(config) {
			if strings.HasPrefix(line, "password_file") {
				line = "password_prompt = true\n"
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "")
	}
	nobody := func(string) (string, error) { return "", nil }
	uitest.Run(t, uitest.Options{Sim: one(), Config: prompt, ReadPassword: nobody}, func(x *uitest.Terminal) {
		x.Press("1").UntilMatch(`dc1-lxca +(refused|misconfigured|down)`)
		x.Press("enter").UntilMatch(`no password for admin: none was`)
		if n := len(x.Fleet.Appliance("dc1-lxca").Requests()); n != 0 {
			t.Errorf("%d requests were sent", n)
		}
	})
	asked := ""
	somebody := func(prompt string) (string, error) { asked = prompt; return "Passw0rd-admin", nil }
	uitest.Run(t, uitest.Options{Sim: one(), Config: prompt, ReadPassword: somebody}, func(x *uitest.Terminal) {
		x.Until("1 up")
		if asked != "Password of admin at dc1-lxca: " {
			t.Errorf("asked %q", asked)
		}
	})
}
