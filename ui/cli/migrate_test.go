package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/migration"
	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// movers is an LXCA with backups, a fresh one, and an ECB.
func movers() sim.Config {
	return sim.Config{Appliances: []sim.Spec{
		{Name: "dc1", Kind: sim.KindLXCA}, {Name: "new", Kind: sim.KindLXCA, Fresh: true}, {Name: "edge", Kind: sim.KindECB},
	}, Backups: 3, Seed: 1}
}

func on(t *testing.T, sims *sim.Fleet, config string, args ...string) result {
	t.Helper()
	return call{args: append([]string{"--config", config}, args...), sims: sims, user: "maria"}.run(t.Context())
}

// A plan is written, tried, run and reported; what it says it did is what the appliance has.
func TestMigratePlanRunShow(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		lxca := sims.Appliance("dc1").LXCA
		path := filepath.Join(t.TempDir(), "plan.toml")
		on(t, sims, config, "migrate", "plan", "--from", "dc1", "--all", "--move", "--careful", "--to", "/mnt/my_remote_share", "--out", path).
			want(t, ExitDone, "carefully move 3 backups of dc1")
		dry := on(t, sims, config, "migrate", "run", path, "--dry-run")
		dry.want(t, ExitDone)
		if n := strings.Count(dry.out, "PUT "); n != 3 || strings.Count(dry.out, "DELETE ") != 3 {
			t.Errorf("a dry run prints\n%s", dry.out)
		}
		on(t, sims, config, "migrate", "run", path).want(t, ExitRefused, "nobody is here to confirm it", "nothing was sent")
		for _, b := range lxca.Backups() {
			if strings.Join(b.Locations, " ") != "internal" {
				t.Fatalf("%s lies in %v before anything was confirmed", b.Label, b.Locations)
			}
		}
		r := on(t, sims, config, "migrate", "run", path, "--yes", "--json")
		r.want(t, ExitDone)
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		var last reportJSON
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Report.State != "done" || last.Report.Tally != "3 done" {
			t.Fatalf("%v: %s", err, lines[len(lines)-1])
		}
		for _, b := range lxca.Backups() {
			if strings.Join(b.Locations, " ") != "/mnt/my_remote_share" {
				t.Errorf("%s lies in %v", b.Label, b.Locations)
			}
		}
		on(t, sims, config, "migrate", "list").want(t, ExitDone, last.Report.ID, "done", "3 done")
		on(t, sims, config, "migrate", "show", last.Report.ID).want(t, ExitDone, "# Migration "+last.Report.ID+": done", "as the listing says")
		on(t, sims, config, "migrate", "resume").want(t, ExitDone, "there is nothing to resume")
		on(t, sims, config, "migrate", "show", "nosuch").want(t, ExitUsage, `there is no migration "nosuch"`)
		// What is not as it was planned any more is refused, and nothing is sent.
		on(t, sims, config, "migrate", "run", path, "--yes").want(t, ExitRefused, "this stops it: step 1", "nothing was sent")
	})
}

// A push arrives, waits for its passphrase, and is gone on with when there is one.
func TestMigratePassphrase(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		id := sims.Appliance("dc1").LXCA.Backups()[0].UUID
		path := filepath.Join(t.TempDir(), "plan.toml")
		on(t, sims, config, "migrate", "plan", "--from", "dc1", "--backup", id, "--push", "--process", "--to", "new", "--out", path).want(t, ExitDone)
		on(t, sims, config, "migrate", "run", path, "--yes").want(t, ExitFailed, "needs passphrase", "--passphrase-file")
		if n := len(sims.Appliance("new").LXCA.Backups()); n != 1 {
			t.Fatalf("%d backups arrived", n)
		}
		wrong, right := filepath.Join(t.TempDir(), "wrong"), filepath.Join(t.TempDir(), "right")
		for file, phrase := range map[string]string{wrong: "not this one", right: xclarity.DefaultPassphrase} {
			if err := os.WriteFile(file, []byte(phrase), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		on(t, sims, config, "migrate", "resume", "--yes", "--passphrase-file", wrong).want(t, ExitFailed, "1 needs passphrase")
		on(t, sims, config, "migrate", "resume", "--yes", "--passphrase-file", right).want(t, ExitDone, "1 done")
		started := 0
		for _, e := range sims.Truth().Effects() {
			if e.What == "job.started" && e.Kind == "push" {
				started++
			}
		}
		if started != 1 {
			t.Errorf("%d pushes", started)
		}
	})
}

// Bad input is told with what and where, and nothing is sent.
func TestMigrateBadInput(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		bad := write(t, "plan.toml", "operation = \"copy\"\ndestination = \"/mnt/x\"\nspeed = 1\n")
		gone := write(t, "gone.toml", "operation = \"copy\"\ndestination = \"/mnt/my_remote_share\"\n[[backup]]\nappliance = \"dc1\"\nuuid = \"00000000-0000-4000-8000-000000000000\"\n")
		for args, want := range map[string]struct {
			code int
			said string
		}{
			"run " + bad:                                    {ExitUsage, "line 3, column 1: unknown key"},
			"run " + gone + " --yes":                        {ExitRefused, "the backup is not there any more"},
			"run /nonexistent":                              {ExitUsage, "read the plan"},
			"run":                                           {ExitUsage, "migrate run wants PLAN.toml"},
			"resume nosuch":                                 {ExitUsage, `there is no migration "nosuch" to resume`},
			"plan --from dc1 --all --copy":                  {ExitUsage, "migrate plan wants --to"},
			"plan --from dc1 --all --to /mnt/x":             {ExitUsage, "migrate plan wants one of --copy, --move, --push"},
			"plan --from dc1 --copy --to /mnt/x":            {ExitUsage, "migrate plan wants one of --all, --backup"},
			"plan --from dc9 --all --copy --to /mnt/x":      {ExitUsage, `there is no appliance named "dc9"`},
			"plan --from dc1 --backup x --copy --to /mnt/x": {ExitUsage, "is no uuid"},
			"plan --from dc1 --backup 00000000-0000-4000-8000-000000000000 --copy --to /mnt/x": {ExitUsage, "dc1 lists no backup"},
			"plan --from dc1 --all --copy --to nas":                                            {ExitUsage, `destination "nas"`},
			"plan --from dc1 --all --copy --careful --to /mnt/x":                               {ExitUsage, "careful = true goes with a move only"},
			"plan --from new --all --copy --to /mnt/x":                                         {ExitUsage, "0 backups"},
		} {
			on(t, sims, config, append([]string{"migrate"}, strings.Fields(args)...)...).want(t, want.code, want.said)
		}
		for _, e := range sims.Truth().Effects() {
			if e.Appliance == "dc1" {
				t.Errorf("an effect: %+v", e)
			}
		}
	})
}

// On a terminal a move is confirmed by how many backups it moves; anything else changes nothing.
func TestMigrateConfirm(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := filepath.Join(t.TempDir(), "plan.toml")
		on(t, sims, config, "migrate", "plan", "--from", "dc1", "--all", "--move", "--to", "/mnt/my_remote_share", "--out", path).want(t, ExitDone)
		for typed, code := range map[string]int{"yes\n": ExitRefused, "": ExitRefused, "2\n": ExitRefused} {
			r := call{args: []string{"--config", config, "migrate", "run", path}, sims: sims, user: "maria", terminal: true, in: typed}.run(t.Context())
			r.want(t, code, "Type 3 to begin", "not confirmed, nothing was sent")
		}
		r := call{args: []string{"--config", config, "migrate", "run", path}, sims: sims, user: "maria", terminal: true, in: "3\n"}.run(t.Context())
		r.want(t, ExitDone, "3 done")
	})
}

// What a command prints as it goes never says more than it knows.
func TestMigrateProgressIsNotWhole(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := filepath.Join(t.TempDir(), "plan.toml")
		on(t, sims, config, "migrate", "plan", "--from", "dc1", "--all", "--copy", "--to", "/mnt/my_remote_share", "--out", path).want(t, ExitDone)
		r := on(t, sims, config, "migrate", "run", path, "--yes", "--json")
		r.want(t, ExitDone)
		dec := json.NewDecoder(strings.NewReader(r.out))
		var done int
		for dec.More() {
			var x stepJSON
			if err := dec.Decode(&x); err != nil {
				t.Fatal(err)
			}
			if x.State == string(migration.PhaseDone) {
				done++
			}
			if x.Share != nil && *x.Share >= 1 && done < 3 {
				t.Errorf("%s: all is said to be done after %d steps", x.At.Format(time.RFC3339), done)
			}
		}
		if done != 3 {
			t.Errorf("%d are told to be done", done)
		}
	})
}
