package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/fleet"
)

// TestMain runs the tests, or what one of them wants another process to do.
func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		os.Exit(childMain(name))
	}
	goleak.VerifyTestMain(m)
}

// noon is the time of every test.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// still is a clock that stands at a moment.
func still(at time.Time) *clock.Clock {
	return clock.New(func() (time.Time, time.Duration) { return at, 0 })
}

// folder is a fresh state folder, and the path of the journal in it.
func folder(t testing.TB) (dir, path string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "state")
	return dir, filepath.Join(dir, "journal.db")
}

// opened opens a journal and waits for its check; it is closed at the end of the test.
func opened(t testing.TB, path, engine string) *Journal {
	t.Helper()
	return openedWith(t, path, Options{Engine: engine, Clock: still(noon)}, host())
}

func openedWith(t testing.TB, path string, o Options, sys system) *Journal {
	t.Helper()
	sys.delay = 0
	j, err := open(t.Context(), path, o, sys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	if j.Writable() == nil {
		<-j.checked
	}
	return j
}

func closed(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// lockID is a lock id that fits the rules.
const lockID = "0123456789abcdef0123456789ABCDEF"

// someIntent is an intent with every member that is kept.
func someIntent(i int) fleet.Intent {
	return fleet.Intent{
		At: appliance.Reading{Wall: noon.Add(time.Duration(i) * time.Second)}, Engine: "first", Who: "maria", Appliance: "dc1-lxca",
		Act: appliance.Act{
			Verb:  appliance.VerbCopy,
			Claim: appliance.Claim{Scope: "UP", TTL: 20 * time.Minute},
			Lock: appliance.Lock{
				ID: lockID, Scope: appliance.Scope{Code: "FC", Name: appliance.Label("OS deployment")}, Holder: appliance.HolderYou,
				Created: noon.Add(-time.Hour), CreText: appliance.Label("an hour ago"), TTL: time.Hour, Exclusive: true,
			},
			Transfer: appliance.Transfer{
				Verb: appliance.VerbCopy, Backup: "00000000-0000-4000-8000-000000000001",
				Label:    appliance.Label(fmt.Sprintf("nightly-%d", i)),
				Checksum: appliance.Label("aa55"), Destination: "/mnt/my_remote_share",
			},
			Job: "17", Typed: true, Deadline: time.Minute, Until: noon.Add(8 * time.Hour), Engine: "before",
		},
		Before: []appliance.LockID{lockID, "ffffffffffffffffffffffffffffffff"}, Since: noon.Add(-time.Minute), Again: 7,
	}
}

// someHolding is a holding of the i-th lock with every member that is kept.
func someHolding(i int) fleet.Holding {
	at := noon.Add(time.Duration(i) * time.Second)
	return fleet.Holding{
		Appliance: "dc1-lxca", Lock: nthLock(i), Scope: "UP", Exclusive: true, Who: "maria", Purpose: "nightly copy",
		State: fleet.HoldingOwed, Since: at, Note: "the release was not answered", TTL: 20*time.Minute + 17*time.Second,
		Sent: at.Add(-2 * time.Second), Received: at.Add(-time.Second - 3*time.Microsecond), Kept: true,
		KeepUntil: at.Add(8 * time.Hour), Replaces: lockID, Job: "18", KeepTTL: 20 * time.Minute, Owner: "an-earlier-one",
	}
}

func nthLock(i int) appliance.LockID { return appliance.LockID(fmt.Sprintf("%032d", i)) }

// someTransit is the transit of an intent, with every member that is kept.
func someTransit(id uint64) fleet.Transit {
	return fleet.Transit{
		ID: id, Appliance: "dc1-lxca", Who: "maria", Transfer: someIntent(1).Act.Transfer, Job: "17", Since: noon,
		Known: []appliance.JobID{"15", "16"}, Had: true,
	}
}

func hold(t testing.TB, j *Journal, h fleet.Holding) {
	t.Helper()
	if err := j.Hold(t.Context(), h); err != nil {
		t.Fatal(err)
	}
}

func track(t testing.TB, j *Journal, x fleet.Transit) {
	t.Helper()
	if err := j.Track(t.Context(), x); err != nil {
		t.Fatal(err)
	}
}

func adopt(t testing.TB, j *Journal, appliances ...string) fleet.Estate {
	t.Helper()
	estate, err := j.Adopt(t.Context(), appliances, nil)
	if err != nil {
		t.Fatal(err)
	}
	return estate
}

// locks is who holds which lock, of all engines.
func locks(t testing.TB, j *Journal) []string {
	t.Helper()
	return owners(j.Holdings(t.Context()))(t)
}

// others is the same of the other engines that run.
func others(t testing.TB, j *Journal) []string {
	t.Helper()
	estate, err := j.Others(t.Context())
	return owners(estate.Holdings, err)(t)
}

func owners(all []fleet.Holding, err error) func(testing.TB) []string {
	return func(t testing.TB) []string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, h := range all {
			names = append(names, fmt.Sprintf("%s %s %s", h.Engine, h.Appliance, strings.TrimLeft(string(h.Lock), "0")))
		}
		return names
	}
}

// changes is every call that changes a journal, by its name.
func changes(ctx context.Context, j *Journal) map[string]error {
	_, intended := j.Intend(ctx, someIntent(1))
	_, adopted := j.Adopt(ctx, nil, nil)
	_, sessions := j.AdoptMigrations(ctx)
	m := someMigration(99, 2)
	return map[string]error{
		"intend": intended, "settle": j.Settle(ctx, 1, fleet.OutcomeDone, ""), "tell": j.Tell(ctx, someEvent(1)),
		"hold": j.Hold(ctx, someHolding(1)), "forget": j.Forget(ctx, "dc1-lxca", nthLock(1)),
		"track": j.Track(ctx, someTransit(1)), "ended": j.Ended(ctx, 1, someEnding()), "adopt": adopted,
		"begin a migration": j.BeginMigration(ctx, m), "save a migration": j.SaveMigration(ctx, m),
		"save a step": j.SaveStep(ctx, m.ID, 0, m.Steps[0]), "adopt migrations": sessions,
	}
}

// reads is every call that reads one.
func reads(ctx context.Context, j *Journal) map[string]error {
	_, unsettled := j.Unsettled(ctx)
	_, events := j.Events(ctx, noon, 1)
	_, others := j.Others(ctx)
	_, holdings := j.Holdings(ctx)
	_, all := j.Migrations(ctx)
	_, found := j.Find(ctx, "m1/1/1")
	if errors.Is(found, fleet.ErrNoSuchRef) {
		found = nil
	}
	return map[string]error{
		"unsettled": unsettled, "events": events, "others": others, "holdings": holdings, "migrations": all, "find": found,
	}
}

func intend(t testing.TB, j *Journal, i int) uint64 {
	t.Helper()
	id, err := j.Intend(t.Context(), someIntent(i))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func tell(t testing.TB, j *Journal, i int) {
	t.Helper()
	if err := j.Tell(t.Context(), someEvent(i)); err != nil {
		t.Fatal(err)
	}
}

func someEvent(i int) fleet.Event {
	return fleet.Event{
		At: appliance.Reading{Wall: noon.Add(time.Duration(i) * time.Second)}, Level: fleet.Good, Appliance: "dc1-lxca", Who: "maria",
		Text: fmt.Sprintf("took UP Updates for %d m", i),
	}
}

// events is the words of all events.
func events(t testing.TB, j *Journal) []string {
	t.Helper()
	all, err := j.Events(t.Context(), time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range all {
		texts = append(texts, e.Text)
	}
	return texts
}

// unsettled is the numbers of the intents of engines that ended.
func unsettled(t testing.TB, j *Journal) []uint64 {
	t.Helper()
	records, err := j.Unsettled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return ids(records)
}

func ids(records []fleet.Record) []uint64 {
	var all []uint64
	for _, r := range records {
		all = append(all, r.ID)
	}
	return all
}

// files is the names in a folder.
func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// aside is the names of what was set aside.
func aside(t testing.TB, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(files(t, dir), func(name string) bool { return !strings.Contains(name, ".damaged-") })
}

// said reports whether a notice contains all the words.
func said(notices []string, words ...string) bool {
	return slices.ContainsFunc(notices, func(n string) bool {
		for _, w := range words {
			if !strings.Contains(n, w) {
				return false
			}
		}
		return true
	})
}

// image is files with their content, to be laid out again in another folder.
type image map[string][]byte

func takeImage(t testing.TB, dir string, keep func(name string) bool) image {
	t.Helper()
	img := image{}
	for _, name := range files(t, dir) {
		if !keep(name) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		img[name] = b
	}
	return img
}

func (img image) layOut(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range img {
		if err := os.WriteFile(filepath.Join(dir, name), b, fs.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// collector keeps notices as they come.
type collector struct {
	mu  sync.Mutex
	all []string
}

func (c *collector) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, s)
}

// someEnding has every member that is kept.
func someEnding() fleet.Ending {
	return fleet.Ending{Fate: fleet.FateBoth, Job: "17", Cancelled: true, Text: "it is copied; the original is kept"}
}
