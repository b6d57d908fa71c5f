package journal

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/migration"
	"holdfast/appliance/secret"
)

// What came of a request is found by its ref, in this run and in later ones.
func TestRequestsComeBack(t *testing.T) {
	_, path := folder(t)
	j := opened(t, path, "first")
	id := ask(t, j, "m1/1/1")
	steps := []struct {
		do   func() error
		want fleet.Request
	}{
		{func() error { return nil }, fleet.Request{Intent: id}},
		{func() error { return j.Track(t.Context(), someTransit(id)) }, fleet.Request{Intent: id, Tracked: true}},
		{
			func() error { return j.Settle(t.Context(), id, fleet.OutcomeDone, "started") },
			fleet.Request{Intent: id, Tracked: true, Outcome: fleet.OutcomeDone, Note: "started"},
		},
		{
			func() error { return j.Ended(t.Context(), id, someEnding()) },
			fleet.Request{Intent: id, Outcome: fleet.OutcomeDone, Note: "started", Ending: ptr(someEnding())},
		},
		{ // the first stays
			func() error { return j.Ended(t.Context(), id, fleet.Ending{Fate: fleet.FateUnknown}) },
			fleet.Request{Intent: id, Outcome: fleet.OutcomeDone, Note: "started", Ending: ptr(someEnding())},
		},
	}
	k := opened(t, path, "second")
	for i, s := range steps {
		if err := s.do(); err != nil {
			t.Fatal(err)
		}
		for _, of := range []*Journal{j, k} {
			if got := requested(t, of, "m1/1/1"); !reflect.DeepEqual(got, s.want) {
				t.Errorf("%d: %+v, want %+v", i, got, s.want)
			}
		}
	}
	other := ask(t, j, "m1/2/1")
	closed(t, j)
	left := adopt(t, k)
	if len(left.Intents) != 1 || left.Intents[0].ID != other || left.Intents[0].Act.Ref != "m1/2/1" {
		t.Errorf("adopted %+v", left)
	}
	if got, want := requested(t, k, "m1/1/1"), steps[4].want; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, ref := range []string{"", "m1/1", "m1/1/2", "\x1b[31m"} {
		if r, err := k.Find(t.Context(), ref); !errors.Is(err, fleet.ErrNoSuchRef) || !reflect.DeepEqual(r, fleet.Request{}) {
			t.Errorf("%q: %+v, %v", ref, r, err)
		}
	}
	if err := k.Writable(); err != nil {
		t.Errorf("writable: %v", err)
	}
}

// A ref is used once, by whatever engine: nothing is recorded the second time, and so nothing may be sent.
func TestFault_I6_ARefIsUsedOnce(t *testing.T) {
	_, path := folder(t)
	j, k := opened(t, path, "first"), opened(t, path, "second")
	in := someIntent(1)
	in.Act.Ref = "m1/1/1"
	ask(t, j, in.Act.Ref)
	for _, of := range []*Journal{j, k} {
		if id, err := of.Intend(t.Context(), in); !errors.Is(err, fleet.ErrRefTaken) || id != 0 || of.Writable() != nil {
			t.Errorf("intent %d, %v, writable: %v", id, err, of.Writable())
		}
	}
	in.Act.Ref = "m1/1/1\x1b"
	if id, err := j.Intend(t.Context(), in); err == nil || id != 0 {
		t.Errorf("intent %d of a ref that is not printable", id)
	}
	if n := count(t, j, "intents"); n != 1 {
		t.Errorf("%d intents", n)
	}
	intend(t, j, 1) // those without one are as many as may be
	intend(t, j, 1)
	if n := count(t, j, "requests"); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// How a request ended is told by the engine that answers for its transfer, or else for its intent.
func TestFault_JNL05_OnlyItsEngineEndsARequest(t *testing.T) {
	_, path := folder(t)
	j, k := opened(t, path, "first"), opened(t, path, "second")
	tracked, open := ask(t, j, "m1/1/1"), ask(t, j, "m1/2/1")
	track(t, j, someTransit(tracked))
	if err := j.Settle(t.Context(), tracked, fleet.OutcomeDone, "started"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []uint64{tracked, open} {
		if err := k.Ended(t.Context(), id, someEnding()); !errors.Is(err, ErrNotOurs) || k.Writable() != nil {
			t.Errorf("the request of another engine was ended: %v, writable: %v", err, k.Writable())
		}
	}
	closed(t, j)
	adopt(t, k)
	for _, id := range []uint64{tracked, open} { // the intent of the first stays another's, as it was settled
		if err := k.Ended(t.Context(), id, someEnding()); err != nil {
			t.Error(err)
		}
	}
	for _, ref := range []string{"m1/1/1", "m1/2/1"} {
		if r := requested(t, k, ref); r.Tracked || !reflect.DeepEqual(r.Ending, ptr(someEnding())) {
			t.Errorf("%s: %+v", ref, r)
		}
	}
}

// What an appliance wrote is made printable when it is written, and once more when it is read.
func TestFault_I8_RequestsAndMigrationsArePrintable(t *testing.T) {
	const bad = "\x1b[31mred\u202e\n"
	dir, path := folder(t)
	j := opened(t, path, "first")
	id := ask(t, j, "m1/1/1")
	if err := j.Ended(t.Context(), id, fleet.Ending{Fate: bad, Job: bad, Text: bad}); err != nil {
		t.Fatal(err)
	}
	clean := appliance.Label(bad).String()
	want := &fleet.Ending{Fate: fleet.Fate(clean), Job: appliance.JobID(clean), Text: clean}
	if r := requested(t, j, "m1/1/1"); !reflect.DeepEqual(r.Ending, want) {
		t.Errorf("%+v, want %+v", r.Ending, want)
	}
	// A record that was changed together with its checksum.
	r := request{ref: "m1/1/1", migration: "m1", intent: int64(id)}
	r.ending = `{"fate":"\u001b[31m","job":"\u001b[31m","text":"\u001b[31m"}`
	if _, err := j.db.write.Exec(`UPDATE requests SET ending = ?, sum = ?`, r.ending, digest(r.columns())); err != nil {
		t.Fatal(err)
	}
	if e := requested(t, j, "m1/1/1").Ending; e == nil || strings.Contains(string(e.Fate)+string(e.Job)+e.Text, "\x1b") {
		t.Errorf("%+v", e)
	}
	m := someMigration(1, 2)
	m.Note, m.Plan.Who, m.Plan.KeepLock, m.Plan.Target, m.State, m.Plan.Items[0].Appliance = bad, bad, bad, bad, bad, bad
	m.Plan.Verb, m.Plan.Careful, m.Plan.Destination, m.Plan.AtOnce = appliance.VerbPush, false, bad, 1
	m.Steps[0].Item.Appliance, m.Steps[0].Note, m.Steps[0].Job, m.Steps[0].Fate = bad, bad, bad, bad
	m.Steps[0].Phase, m.Steps[0].Stage = bad, bad
	begin(t, j, m)
	got := migrations(t, j)[0]
	s := got.Steps[0]
	for _, text := range []string{
		got.Note, got.Plan.Who, got.Plan.KeepLock, got.Plan.Target, got.Plan.Destination, string(got.State), s.Item.Appliance, s.Note,
		string(s.Job), string(s.Fate), string(s.Phase), string(s.Stage), got.Plan.Items[0].Appliance,
	} {
		if text != clean {
			t.Errorf("%q is told, want %q", text, clean)
		}
	}
	closed(t, j)
	for _, name := range files(t, dir) {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || strings.Contains(string(b), "\x1b[31m") {
			t.Errorf("%s holds what it must not (%v)", name, err)
		}
	}
}

// Nothing that the journal is told has a place for a secret.
func TestFault_SEC05_NoPlaceForASecret(t *testing.T) {
	phrase := reflect.TypeFor[appliance.Passphrase]()
	var walk func(at string, of reflect.Type, seen map[reflect.Type]bool) bool
	walk = func(at string, of reflect.Type, seen map[reflect.Type]bool) (has bool) {
		if seen[of] {
			return false
		}
		seen[of] = true
		if of == phrase || of.Implements(phrase) || reflect.PointerTo(of).Implements(phrase) || of.Kind() == reflect.Interface {
			t.Logf("%s is a %v", at, of)
			return true
		}
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			return walk(at, of.Elem(), seen)
		case reflect.Struct:
			for i := range of.NumField() {
				if of.PkgPath() != "time" && walk(at+"."+of.Field(i).Name, of.Field(i).Type, seen) {
					has = true
				}
			}
		}
		return has
	}
	for _, x := range []any{
		fleet.Intent{}, fleet.Holding{}, fleet.Transit{}, fleet.Event{}, fleet.Ending{}, migration.Record{}, migration.Step{},
	} {
		if of := reflect.TypeOf(x); walk(of.Name(), of, map[reflect.Type]bool{}) {
			t.Errorf("%v has a place for a secret", of)
		}
	}
	if !walk("it", reflect.TypeFor[struct{ A []struct{ B *secret.Secret } }](), map[reflect.Type]bool{}) {
		t.Error("a secret is not seen")
	}
}
