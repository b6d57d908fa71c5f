package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
)

// places tells where a backup lies, as the appliance knows it.
func placesAt(sims *sim.Fleet, name, uuid string) string {
	for _, b := range sims.Appliance(name).LXCA.Backups() {
		if b.UUID == uuid {
			places := slices.Clone(b.Locations)
			slices.Sort(places)
			return strings.Join(places, " ")
		}
	}
	return ""
}

// A backup goes its ways: each command ends when the listing says that it did, and says so.
func TestBackupsGoTheirWays(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		list := on(t, sims, config, "backups", "list", "dc1", "--json")
		list.want(t, ExitDone)
		var first keptJSON
		if err := json.NewDecoder(strings.NewReader(list.out)).Decode(&first); err != nil || first.Appliance != "dc1" || len(first.Locations) != 1 {
			t.Fatalf("%v: %s", err, list.out)
		}
		id := first.ID
		for _, s := range []struct {
			args string
			code int
			said string
			lies string
		}{
			{"copy dc1 " + id + " --to " + nas, ExitRefused, "nobody is here to confirm it", "internal"},
			{"copy dc1 " + first.Label + " --to " + nas + " --yes", ExitDone, "copied to", nas + " internal"},
			{"copy dc1 " + id + " --to " + nas + " --yes", ExitRefused, "it lies there already", nas + " internal"},
			{"delete dc1 " + id + " --from internal --yes", ExitDone, "removal of", nas},
			{"delete dc1 " + id + " --from internal --yes", ExitRefused, "it does not lie there", nas},
			{"delete dc1 " + id + " --from " + nas + " --yes", ExitRefused, "nothing would be left of the backup", nas},
			{"copy dc1 " + id + " --to internal --yes", ExitDone, "copied to internal", nas + " internal"},
			{"delete dc1 " + id + " --from all --yes", ExitRefused, "nothing would be left", nas + " internal"},
			{"push dc1 " + id + " --to new --yes", ExitDone, "arrived", nas + " internal"},
			{"cancel-push dc1 --yes", ExitRefused, "", nas + " internal"},
			{"delete dc1 " + id + " --from all --last --yes", ExitDone, "removal of", ""},
			{"copy dc1 " + id + " --to " + nas + " --yes", ExitUsage, "dc1 lists no backup", ""},
			{"copy dc9 " + id + " --to " + nas + " --yes", ExitUsage, `there is no appliance named "dc9"`, ""},
			{"copy dc1 --to " + nas, ExitUsage, "backups copy wants APPLIANCE BACKUP", ""},
		} {
			on(t, sims, config, append([]string{"backups"}, strings.Fields(s.args)...)...).want(t, s.code, s.said)
			if got := placesAt(sims, "dc1", id); got != s.lies {
				t.Fatalf("after %q it lies in %q, not %q", s.args, got, s.lies)
			}
		}
		if placesAt(sims, "new", id) != "internal" {
			t.Errorf("at the target it lies in %q", placesAt(sims, "new", id))
		}
	})
}

// A backup is made with its passphrase, which is typed twice or read from a file of ours, and needed to process it elsewhere.
func TestBackupsCreateAndProcess(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		const canary = "Canary-passphrase-77"
		file := filepath.Join(t.TempDir(), "phrase")
		if err := os.WriteFile(file, []byte(canary), 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(sims.Appliance("dc1").LXCA.Backups())
		on(t, sims, config, "backups", "create", "dc1", "--label", "before-move", "--yes").want(t, ExitUsage, "a passphrase is needed")
		typed := func(answers ...string) result {
			var out, errs output
			at := 0
			env := Env{
				Args: []string{"--config", config, "backups", "create", "dc1", "--label", "typed", "--yes"}, Out: &out, Err: &errs, User: "maria",
				In: strings.NewReader(""), Terminal: true, Dial: sims.DialContext,
				ReadPassword: func(string) (string, error) { at++; return answers[at-1], nil },
			}
			return result{Main(t.Context(), env), out.String(), errs.String()}
		}
		typed(canary, "Canary-passphrase-78").want(t, ExitUsage, "the two are not the same; nothing was sent")
		if n := len(sims.Appliance("dc1").LXCA.Backups()); n != before {
			t.Fatalf("%d backups", n)
		}
		r := on(t, sims, config, "backups", "create", "dc1", "--label", "before-move", "--passphrase-file", file, "--yes")
		r.want(t, ExitDone, "is made, as the listing says")
		typed(canary, canary).want(t, ExitDone, "is made, as the listing says")
		var made string
		for _, b := range sims.Appliance("dc1").LXCA.Backups() {
			if b.Label == "before-move" {
				made = b.UUID
			}
		}
		on(t, sims, config, "backups", "push", "dc1", made, "--to", "new", "--yes").want(t, ExitDone, "arrived")
		other := write(t, "other", "another phrase")
		on(t, sims, config, "backups", "process", "new", "--yes", "--passphrase-file", other).want(t, ExitFailed, "passphrase")
		on(t, sims, config, "backups", "process", "new", "--yes", "--passphrase-file", file).want(t, ExitDone)
		on(t, sims, config, "backups", "restore", "dc1", made, "--prepare", "--yes", "--passphrase-file", other).want(t, ExitFailed)
		state := filepath.Join(filepath.Dir(config), "state")
		found := 0
		err := filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			found++
			if strings.Contains(string(b), canary) {
				t.Errorf("the passphrase stands in %s", path)
			}
			return err
		})
		if err != nil || found == 0 || strings.Contains(r.out+r.err, canary) {
			t.Errorf("%v, %d files", err, found)
		}
	})
}

// On an ECB what changes its files takes the configuration lock, and is refused without it before anything is sent.
func TestFault_LCK10_ECBBackupsTakeTheLock(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		for _, args := range []string{"create edge --label new-one.gz", "delete edge nightly-1120.gz --from internal --last", "restore edge nightly-1120.gz"} {
			on(t, sims, config, append([]string{"backups"}, append(strings.Fields(args), "--yes")...)...).
				want(t, ExitRefused, "acquire the configuration lock first", "nothing was sent")
		}
		// One that an earlier command took and left is taken up, and stays for the next.
		on(t, sims, config, "locks", "acquire", "edge", "configuration").want(t, ExitDone)
		for _, args := range []string{"create edge --label new-one.gz", "restore edge new-one.gz", "delete edge new-one.gz --from internal --last"} {
			on(t, sims, config, append([]string{"backups"}, append(strings.Fields(args), "--yes")...)...).want(t, ExitDone)
		}
		if owner := sims.Appliance("edge").ECB.LockOwner(); owner != "admin" {
			t.Errorf("the lock is held by %q afterwards", owner)
		}
	})
}

// Jobs are listed, watched to their ends, and cancelled where the appliance lets them be.
func TestJobs(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		id := sims.Appliance("dc1").LXCA.Backups()[0].UUID
		on(t, sims, config, "backups", "copy", "dc1", id, "--to", "/mnt/my_remote_share", "--yes", "--no-wait").want(t, ExitDone, "started the copy")
		list := on(t, sims, config, "jobs", "list", "dc1", "--json")
		list.want(t, ExitDone)
		var job workJSON
		if err := json.NewDecoder(strings.NewReader(list.out)).Decode(&job); err != nil || job.Appliance != "dc1" || job.ID == "" {
			t.Fatalf("%v: %s", err, list.out)
		}
		on(t, sims, config, "jobs", "list").want(t, ExitDone, "JOB", job.ID)
		watched := on(t, sims, config, "jobs", "watch", "dc1", job.ID)
		watched.want(t, ExitDone, "Complete")
		if strings.Count(watched.out, "\n") < 3 {
			t.Errorf("watched:\n%s", watched.out)
		}
		on(t, sims, config, "jobs", "watch", "dc1", "999").want(t, ExitUsage, "dc1 lists no job 999")
		on(t, sims, config, "jobs", "cancel", "dc1", job.ID, "--yes").want(t, ExitRefused, "the job has ended")
		other := sims.Appliance("dc1").LXCA.Backups()[1].UUID
		on(t, sims, config, "backups", "copy", "dc1", other, "--to", "/mnt/my_remote_share", "--yes", "--no-wait").want(t, ExitDone)
		var last string
		for _, e := range sims.Truth().Effects() {
			if e.What == "job.started" {
				last = e.ID
			}
		}
		on(t, sims, config, "jobs", "cancel", "dc1", last, "--yes").want(t, ExitRefused, "it was not started here")
		on(t, sims, config, "jobs", "cancel", "dc1", last, "--yes", "--any").want(t, ExitDone, "cancelled")
		time.Sleep(time.Minute)
		on(t, sims, config, "jobs", "watch", "dc1", last).want(t, ExitFailed, fmt.Sprintf("job %s ended: Cancelled", last))
		if got := placesAt(sims, "dc1", other); got != "internal" {
			t.Errorf("it lies in %q", got)
		}
	})
}
