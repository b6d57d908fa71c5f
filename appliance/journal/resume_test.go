package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/policy"
)

// vault is an appliance with backups, whose copies take twenty seconds each.
type vault struct {
	mu      sync.Mutex
	clock   *clock.Clock
	backups []appliance.Backup
	jobs    []appliance.Job
	copies  map[appliance.BackupID]int // requests that it took
	to      []appliance.Location       // of each job
}

const copying = 20 * time.Second

func (v *vault) Name() string         { return "dc1-lxca" }
func (v *vault) Kind() appliance.Kind { return appliance.LXCA }

// look has the jobs go on. Who calls holds v.mu until the answer is made.
func (v *vault) look() appliance.Stamp {
	now := v.clock.Now()
	for i := range v.jobs {
		j := &v.jobs[i]
		if j.Phase != appliance.PhaseRunning || now.Wall.Sub(j.Started) < copying {
			continue
		}
		j.Phase, j.State = appliance.PhaseSucceeded, appliance.Label("Complete")
		at := slices.IndexFunc(v.backups, func(b appliance.Backup) bool { return b.ID == j.Backup })
		v.backups[at].Locations = append(slices.Clone(v.backups[at].Locations), v.to[i])
	}
	return appliance.Stamp{Sent: now, Received: now, Date: now.Wall.Truncate(time.Second)}
}

func (v *vault) Probe(context.Context) (appliance.Health, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return appliance.Health{User: appliance.Label("admin"), MayChange: true, PasswordDays: -1, Stamp: v.look()}, nil
}

func (v *vault) Backups(context.Context) (appliance.BackupList, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	stamp := v.look()
	return appliance.BackupList{Backups: slices.Clone(v.backups), Stamp: stamp}, nil
}

func (v *vault) Jobs(context.Context) (appliance.JobList, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	stamp := v.look()
	return appliance.JobList{Jobs: slices.Clone(v.jobs), Stamp: stamp}, nil
}

func (v *vault) CancelJob(context.Context, appliance.JobID) (appliance.Receipt, error) {
	return appliance.Receipt{}, appliance.ErrUnsupported
}

func (v *vault) CancelPush(context.Context) (appliance.Receipt, error) {
	return appliance.Receipt{}, appliance.ErrUnsupported
}

func (v *vault) Transfer(_ context.Context, t appliance.Transfer) (appliance.Receipt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	stamp := v.look()
	v.copies[t.Backup]++
	id := appliance.JobID(fmt.Sprint(len(v.jobs) + 1))
	v.jobs = append(v.jobs, appliance.Job{
		ID: id, State: appliance.Label("Running"), Phase: appliance.PhaseRunning, Started: stamp.Sent.Wall,
		Verb: t.Verb, Backup: t.Backup,
	})
	v.to = append(v.to, appliance.Location(t.Destination))
	return appliance.Receipt{Job: id, Stamp: stamp}, nil
}

// life is one run of the program: its journal, its engine and its runner of migrations.
type life struct {
	journal *Journal
	engine  *fleet.Engine
	runner  *migration.Runner
}

func live(t *testing.T, path, id string, v *vault) life {
	t.Helper()
	sys := host()
	sys.delay = 0
	j, err := open(t.Context(), path, Options{Engine: id, Clock: v.clock}, sys)
	if err != nil {
		t.Fatal(err)
	}
	e, err := fleet.New(fleet.Options{
		ID: id, Members: []fleet.Member{{Appliance: v, Name: v.Name(), Kind: v.Kind()}}, Clock: v.clock, Journal: j, Seed: 7, Adopt: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Start(t.Context())
	<-time.After(time.Second) // it has looked at everything once
	r := migration.New(migration.Options{
		Fleet: e, Store: j, NewID: func() string { return "m1" }, Person: policy.Person{Name: "maria", Role: policy.Operator},
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return life{j, e, r}
}

func (l life) end(t *testing.T) {
	t.Helper()
	l.runner.Close()
	l.engine.Close()
	closed(t, l.journal)
}

// Wherever a run ends, the next one on the same journal finds out what happened meanwhile and goes on: nothing is sent twice, and
// in the end everything is there and the records say so.
func TestFault_JOB09_MigrationGoesOnInTheNextRun(t *testing.T) {
	person := policy.Person{Name: "maria", Role: policy.Operator}
	for after := time.Duration(0); after <= 77*time.Second; after += 7 * time.Second {
		t.Run(after.String(), func(t *testing.T) {
			_, path := folder(t)
			synctest.Test(t, func(t *testing.T) {
				v := &vault{clock: clock.System(), copies: map[appliance.BackupID]int{}}
				plan := migration.NewPlan(appliance.VerbCopy, "/mnt/nas")
				for i := range 3 {
					b := appliance.Backup{
						ID: appliance.BackupID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)), Label: appliance.Label(fmt.Sprintf("nightly-%d", i)),
						Checksum: appliance.Label("aa55"), Size: 1 << 30, Locations: []appliance.Location{appliance.Internal},
					}
					v.backups = append(v.backups, b)
					plan.Items = append(plan.Items, migration.Item{
						Appliance: v.Name(), Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Size: b.Size,
					})
				}
				first := live(t, path, "first", v)
				id, err := first.runner.Begin(t.Context(), person, plan)
				if err != nil {
					t.Fatal(err)
				}
				<-time.After(after)
				first.end(t)
				<-time.After(30 * time.Second) // what is under way ends meanwhile

				second := live(t, path, "second", v)
				defer second.end(t)
				left := migrations(t, second.journal)
				if len(left) != 1 || len(second.runner.Views()) != 1 && !left[0].State.Ended() {
					t.Fatalf("it is not there any more: %+v", left)
				}
				<-time.After(10 * time.Second) // by then it knows what became of what was under way
				if v, err := second.runner.View(id); err == nil && !v.State.Ended() {
					if err := second.runner.Resume(person, id); err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
					defer cancel()
					if _, err := second.runner.Wait(ctx, id); err != nil {
						t.Fatal(err)
					}
					<-time.After(time.Second)
				}
				got := migrations(t, second.journal)[0]
				if got.State != migration.StateDone || got.Tally() != "3 done" {
					t.Errorf("it is %s (%s): %s", got.State, got.Note, got.Tally())
				}
				for i, s := range got.Steps {
					if s.Fate != fleet.FateThere || v.copies[s.Item.Backup] != 1 || !v.backups[i].At("/mnt/nas") {
						t.Errorf("step %d, sent %d times: %+v; it lies in %q", i+1, v.copies[s.Item.Backup], s, v.backups[i].Locations)
					}
					// A try that never came to be sent, since the run ended first, counts as one and leaves no request.
					for try := range s.Try - 1 {
						if _, err := second.journal.Find(t.Context(), fmt.Sprintf("m1/%d/%d", i+1, try+1)); !errors.Is(err, fleet.ErrNoSuchRef) {
							t.Errorf("step %d was tried %d times, and try %d had been sent: %v", i+1, s.Try, try+1, err)
						}
					}
					r := requested(t, second.journal, fmt.Sprintf("m1/%d/%d", i+1, s.Try))
					if r.Ending == nil || r.Ending.Fate != fleet.FateThere || r.Tracked {
						t.Errorf("step %d: %+v", i+1, r)
					}
				}
				if n := second.journal.Notices(); len(n) > 0 {
					t.Errorf("notices %q", n)
				}
			})
		})
	}
}
