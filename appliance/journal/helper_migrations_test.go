package journal

import (
	"fmt"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
)

// someMigration is one of n steps with every member that is kept, the first of which has been tried.
func someMigration(i, n int) migration.Record {
	r := migration.Record{
		ID: fmt.Sprintf("m%d", i), Engine: "first", State: migration.StateAsking, Note: "step 1 went wrong",
		Begun: noon.Add(time.Duration(i) * time.Minute),
		Plan: migration.Plan{
			Made: noon.Add(-time.Hour), Who: "maria", Verb: appliance.VerbMove, Careful: true, Destination: "/mnt/my_remote_share",
			AtOnce: 2, OnFailure: migration.OnFailureAsk, KeepLock: "UP",
		},
	}
	for k := range n {
		it := migration.Item{
			Appliance: "dc1-lxca", Backup: appliance.BackupID(fmt.Sprintf("00000000-0000-4000-8000-%012d", k)),
			Label: appliance.Label(fmt.Sprintf("nightly-%d", k)), Checksum: appliance.Label("aa55"), Size: int64(k) << 30,
		}
		s := migration.Step{Item: it, Phase: migration.PhaseQueued, Stage: migration.StageTransfer}
		if k == 0 {
			s = migration.Step{
				Item: it, Phase: migration.PhaseFailed, Stage: migration.StageDelete, Try: 2, Job: "17", Began: noon,
				Ended: noon.Add(time.Hour), Sent: noon.Add(time.Second), Took: 17 * time.Minute, Fate: fleet.FateBoth, Note: "the original is kept",
			}
		} else {
			r.Order = append(r.Order, n-k)
		}
		r.Plan.Items, r.Steps = append(r.Plan.Items, it), append(r.Steps, s)
	}
	return r
}

func begin(t testing.TB, j *Journal, m migration.Record) {
	t.Helper()
	if err := j.BeginMigration(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func save(t testing.TB, j *Journal, m migration.Record) {
	t.Helper()
	if err := j.SaveMigration(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// saveStep records that a step of a migration became a job.
func saveStep(t testing.TB, j *Journal, m migration.Record, n int, job appliance.JobID) {
	t.Helper()
	s := m.Steps[n]
	s.Phase, s.Job = migration.PhaseRunning, job
	if err := j.SaveStep(t.Context(), m.ID, n, s); err != nil {
		t.Fatal(err)
	}
}

// ask records an intent with a ref.
func ask(t testing.TB, j *Journal, ref string) uint64 {
	t.Helper()
	in := someIntent(1)
	in.Act.Ref = ref
	id, err := j.Intend(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// request is what is known of the request with a ref.
func requested(t testing.TB, j *Journal, ref string) fleet.Request {
	t.Helper()
	r, err := j.Find(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func migrations(t testing.TB, j *Journal) []migration.Record {
	t.Helper()
	all, err := j.Migrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func adoptMigrations(t testing.TB, j *Journal) []migration.Record {
	t.Helper()
	all, err := j.AdoptMigrations(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}
