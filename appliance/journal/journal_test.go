package journal

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"holdfast/appliance/fleet"
)

// It is what the engine asks for.
var _ fleet.Journal = (*Journal)(nil)

func TestIntentsComeBack(t *testing.T) {
	dir, path := folder(t)
	j := opened(t, path, "first")
	want := []fleet.Record{}
	for i := range 3 {
		in := someIntent(i)
		in.ID = intend(t, j, i)
		want = append(want, fleet.Record{Intent: in})
	}
	if err := j.Settle(t.Context(), want[1].ID, fleet.OutcomeDone, "copied"); err != nil {
		t.Fatal(err)
	}
	if got := unsettled(t, j); got != nil {
		t.Errorf("open intents of an engine that runs: %v", got)
	}
	closed(t, j)
	k := opened(t, path, "second")
	got, err := k.Unsettled(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := []fleet.Record{want[0], want[2]}; !reflect.DeepEqual(got, want) {
		t.Errorf("open intents are\n%+v, want\n%+v", got, want)
	}
	if n := k.Notices(); len(n) > 0 || len(aside(t, dir)) > 0 {
		t.Errorf("notices %q, files %q", n, files(t, dir))
	}
}

func TestEventsComeBack(t *testing.T) {
	_, path := folder(t)
	j, k := opened(t, path, "first"), opened(t, path, "second")
	tell(t, j, 1)
	tell(t, k, 3)
	tell(t, j, 2)
	want := []string{"took UP Updates for 1 m", "took UP Updates for 2 m", "took UP Updates for 3 m"}
	if got := events(t, k); !slices.Equal(got, want) {
		t.Errorf("events are %q, want %q", got, want)
	}
	got, err := j.Events(t.Context(), noon.Add(2*time.Second), 1)
	if err != nil {
		t.Fatal(err)
	}
	newest := StoredEvent{ID: got[0].ID, At: noon.Add(3 * time.Second), Engine: "second", Level: fleet.Good, Appliance: "dc1-lxca",
		Who: "maria", Text: want[2]}
	if len(got) != 1 || got[0] != newest || got[0].ID == 0 {
		t.Errorf("newest event is %+v, want %+v", got, newest)
	}
}
