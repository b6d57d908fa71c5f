package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/appliance/migration"
	"holdfast/appliance/sim"
)

const nas = "/mnt/my_remote_share"

// planned writes a plan of copying all backups of dc1 and returns where.
func planned(t *testing.T, sims *sim.Fleet, config string, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "plan.toml")
	args := append([]string{"migrate", "plan", "--from", "dc1", "--all", "--copy", "--to", nas, "--out", path}, flags...)
	on(t, sims, config, args...).want(t, ExitDone)
	return path
}

// after runs a command that a signal ends after that time.
func after(t *testing.T, d time.Duration, sims *sim.Fleet, config string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	time.AfterFunc(d, func() { cancel(Interrupted{syscall.SIGINT}) })
	return call{args: append([]string{"--config", config}, args...), sims: sims, user: "maria"}.run(ctx)
}

// listed are the migrations that the journal has.
func listed(t *testing.T, sims *sim.Fleet, config string) (all []migrationJSON) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(on(t, sims, config, "migrate", "list", "--json").out))
	for dec.More() {
		var x migrationJSON
		if err := dec.Decode(&x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

// begun counts the jobs of a kind that were begun.
func begun(sims *sim.Fleet, kind string) (n int) {
	for _, e := range sims.Truth().Effects() {
		if e.What == "job.started" && e.Kind == kind {
			n++
		}
	}
	return n
}

// A dry run of what is left prints its requests, takes nothing over and sends nothing.
func TestMigrateResumeDryRun(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		on(t, sims, config, "migrate", "resume", "--dry-run").want(t, ExitDone, "there is nothing to resume")
		path := planned(t, sims, config)
		after(t, 8*time.Second, sims, config, "migrate", "run", path, "--yes").want(t, 130, "ended by SIGINT; holdfast migrate resume")
		was, sent := listed(t, sims, config), begun(sims, "copy")
		r := on(t, sims, config, "migrate", "resume", "--dry-run")
		r.want(t, ExitDone, "it is found out first what became of")
		if n := strings.Count(r.out, "PUT "); n != 3-sent || sent == 0 || sent == 3 {
			t.Errorf("%d of 3 were begun; the dry run prints\n%s", sent, r.out)
		}
		if now := listed(t, sims, config); now[0].State != was[0].State || begun(sims, "copy") != sent {
			t.Errorf("it is %+v, was %+v; %d copies", now, was, begun(sims, "copy"))
		}
		on(t, sims, config, "migrate", "resume", "--yes").want(t, ExitDone, "3 done")
		if begun(sims, "copy") != 3 {
			t.Errorf("%d copies were begun", begun(sims, "copy"))
		}
	})
}

// Who may only look is told so, takes nothing over, and is not told that there is nothing.
func TestMigrateRefusedBeforeAnythingIsTakenOver(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := planned(t, sims, config)
		after(t, 8*time.Second, sims, config, "migrate", "run", path, "--yes").want(t, 130)
		id, sent := listed(t, sims, config)[0].ID, begun(sims, "copy")
		on(t, sims, config, "--read-only", "migrate", "resume", id, "--yes").want(t, ExitRefused, "this run is read-only", "nothing was taken over")
		on(t, sims, config, "--read-only", "migrate", "resume", "--yes").want(t, ExitRefused, "this run is read-only")
		on(t, sims, config, "--read-only", "migrate", "run", path, "--yes").want(t, ExitRefused, "this run is read-only")
		change(t, config, func(text string) string { return "role = \"viewer\"\n" + text })
		for _, args := range []string{"resume --yes", "resume " + id + " --yes", "cancel " + id + " --yes", "run " + path + " --yes"} {
			on(t, sims, config, append([]string{"migrate"}, strings.Fields(args)...)...).want(t, ExitRefused, "your role is viewer")
		}
		on(t, sims, config, "events").wantNot(t, "of an earlier run")
		change(t, config, func(text string) string { return strings.Replace(text, "viewer", "operator", 1) })
		move := filepath.Join(t.TempDir(), "move.toml")
		on(t, sims, config, "migrate", "plan", "--from", "dc1", "--all", "--move", "--careful", "--to", nas, "--out", move).want(t, ExitDone)
		on(t, sims, config, "migrate", "run", move, "--yes").want(t, ExitRefused, "to delete takes an admin")
		if begun(sims, "copy") != sent {
			t.Errorf("%d copies were begun, before %d", begun(sims, "copy"), sent)
		}
	})
}

// A command is about its own migration; of several, and of what a running holdfast has, nothing is taken.
func TestMigrateTakesOverOnlyWhatIsMeant(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := planned(t, sims, config)
		after(t, 8*time.Second, sims, config, "migrate", "run", path, "--yes").want(t, 130)
		first := listed(t, sims, config)[0].ID
		second := filepath.Join(t.TempDir(), "second.toml")
		on(t, sims, config, "migrate", "plan", "--from", "dc1", "--all", "--push", "--to", "new", "--out", second).want(t, ExitDone)
		r := after(t, 8*time.Second, sims, config, "migrate", "run", second, "--yes")
		r.want(t, 130)
		on(t, sims, config, "events").wantNot(t, "migration "+first+" of an earlier run")
		on(t, sims, config, "migrate", "resume", "--yes").want(t, ExitUsage, "there are several to resume, say which: ", first)
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan result, 1)
		go func() {
			ended <- call{args: []string{"--config", config, "migrate", "resume", first, "--yes"}, sims: sims, user: "maria"}.run(ctx)
		}()
		<-time.After(3 * time.Second)
		on(t, sims, config, "migrate", "resume", first, "--yes").want(t, ExitRefused, "a running holdfast has it")
		on(t, sims, config, "migrate", "cancel", first, "--yes").want(t, ExitRefused, "a running holdfast has it")
		cancel(Interrupted{syscall.SIGTERM})
		(<-ended).want(t, 143)
		for _, x := range listed(t, sims, config) {
			if x.ID != first {
				on(t, sims, config, "migrate", "cancel", x.ID, "--yes").want(t, ExitDone, "cancelled")
			}
		}
		on(t, sims, config, "migrate", "resume", "--yes").want(t, ExitDone, "3 done")
	})
}

// What went wrong is said with its reason and what can be done about it; each of these is an end of the matter.
func TestMigrateAfterAFailure(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		args []string
		code int
		said []string
	}{
		"retry":  {[]string{"resume", "--retry", "--yes"}, ExitDone, []string{"3 done"}},
		"skip":   {[]string{"resume", "--skip", "--yes"}, ExitDone, []string{"2 done", "1 skipped"}},
		"cancel": {[]string{"cancel", "ID", "--yes"}, ExitDone, []string{"cancelled"}},
		"both":   {[]string{"resume", "--skip", "--retry"}, ExitUsage, []string{"--retry and --skip do not go together", "Try holdfast migrate resume --help."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
				path := planned(t, sims, config)
				spoil(t, sims, "status=400 PUT #1")
				r := on(t, sims, config, "migrate", "run", path, "--yes")
				r.want(t, ExitFailed, "is stopped: ", "--retry tries again what went wrong, --skip leaves it out", "holdfast migrate cancel ", ": failed: ")
				r.wantNot(t, "goes on with it")
				for i, a := range x.args {
					if a == "ID" {
						x.args[i] = listed(t, sims, config)[0].ID
					}
				}
				on(t, sims, config, append([]string{"migrate"}, x.args...)...).want(t, x.code, x.said...)
			})
		})
	}
}

// Nobody knows what became of a step: only a yes sends it again.
func TestMigrateRetryOfTheUnknown(t *testing.T) {
	t.Parallel()
	step := migration.Step{Item: migration.Item{Appliance: "dc1", Backup: "x"}, Phase: migration.PhaseUnknown, Note: "the answer was lost"}
	for typed, want := range map[string]bool{"yes\n": true, "no\n": false, "": false} {
		var errs output
		env := Env{In: strings.NewReader(typed), Err: &errs}
		if got := again(t.Context(), &env, &step, 0, resumeFlags{}); got != want || !strings.Contains(errs.String(), "may do it twice") {
			t.Errorf("after %q: %v: %s", typed, got, errs.String())
		}
	}
}

// What cannot be reached, and a lock that cannot be kept, is told before anything is sent.
func TestMigrateRunStopsBefore(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := planned(t, sims, config, "--keep-lock", "XY")
		on(t, sims, config, "migrate", "run", path, "--yes").want(t, ExitRefused, "there is no lock about XY to keep at dc1: there are")
		path = planned(t, sims, config)
		spoil(t, sims, "outage=30m")
		on(t, sims, config, "migrate", "run", path, "--yes").want(t, ExitUnreachable, "dc1 does not answer now", "nothing was sent")
	})
}
