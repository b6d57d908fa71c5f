package migration

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
)

func drawPlan(t *rapid.T) Plan {
	verb := rapid.SampledFrom([]appliance.Verb{appliance.VerbCopy, appliance.VerbMove, appliance.VerbPush}).Draw(t, "verb")
	p := Plan{
		Made: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "made"), 0).UTC(), Who: rapid.StringMatching(`[a-z]{0,8}`).Draw(t, "who"),
		Verb: verb, Destination: "/mnt/" + rapid.StringMatching(`[a-z][a-z ]{0,10}[a-z]`).Draw(t, "to"), AtOnce: 1,
		OnFailure: rapid.SampledFrom([]OnFailure{OnFailureStop, OnFailureSkip, OnFailureAsk}).Draw(t, "on failure"),
		KeepLock:  rapid.SampledFrom([]string{"", "DM"}).Draw(t, "lock"),
	}
	switch verb {
	case appliance.VerbPush:
		p.Destination, p.Target, p.Process = "198.18.0.9", "fresh", rapid.Bool().Draw(t, "process")
	case appliance.VerbMove:
		p.Careful = rapid.Bool().Draw(t, "careful")
	}
	if verb != appliance.VerbPush {
		p.AtOnce = rapid.IntRange(1, MostAtOnce).Draw(t, "at once")
	}
	for n := range rapid.IntRange(1, 5).Draw(t, "items") {
		p.Items = append(p.Items, Item{
			Appliance: rapid.SampledFrom([]string{"dc1", "a \"b\" [x]"}).Draw(t, "appliance"), Backup: uuid(n),
			Label:    appliance.Label(rapid.String().Draw(t, "label")),
			Checksum: appliance.Label(rapid.StringMatching(`[0-9a-f]{0,8}`).Draw(t, "sum")), Size: rapid.Int64Range(-1, 1<<50).Draw(t, "size"),
		})
	}
	return p
}

func TestPlanRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawPlan(t)
		b, err := want.TOML()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ReadPlan("plan.toml", b)
		if err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v\n%s", got, want, b)
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPlan(t)
		want := Record{ID: "abc", Engine: "e1", Plan: p, State: StatePaused, Note: "n", Begun: time.Unix(5, 0).UTC(), Ended: time.Time{}}
		for n, it := range p.Items {
			s := Step{
				Item: it, Phase: rapid.SampledFrom([]Phase{PhaseQueued, PhaseDone, PhaseUnknown}).Draw(t, "phase"), Stage: StageTransfer, Try: n,
				Job: "17", Began: time.Unix(7, 0).UTC(), Took: time.Minute, Fate: fleet.FateThere, Note: "as the listing says",
			}
			if s.Phase == PhaseQueued {
				want.Order = append(want.Order, n)
			}
			want.Steps = append(want.Steps, s)
		}
		record, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var steps [][]byte
		for i := range want.Steps {
			b, err := want.Steps[i].Encode()
			if err != nil {
				t.Fatal(err)
			}
			steps = append(steps, b)
		}
		got, err := Decode("abc", "e1", record, steps)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
	})
}

// The order of a record is older than its steps where a run was cut off: it is put right, and the migration is not lost.
func TestAnOlderOrderIsReadable(t *testing.T) {
	p := plan(appliance.VerbCopy, "/mnt/nas", 4)
	r := Record{ID: "abc", Plan: p, State: StateRunning, Order: []int{2, 0, 2, 1}}
	var steps [][]byte
	for n, phase := range []Phase{PhaseRunning, PhaseQueued, PhaseQueued, PhaseQueued} {
		s := Step{Item: p.Items[n], Phase: phase, Stage: StageTransfer}
		b, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, b)
	}
	record, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode("abc", "e1", record, steps)
	if err != nil || !slices.Equal(got.Order, []int{2, 1, 3}) {
		t.Errorf("order %v, %v", got.Order, err)
	}
}

// What cannot be is told with where and what.
func TestWrongPlans(t *testing.T) {
	good := "operation = \"copy\"\ndestination = \"/mnt/nas\"\n"
	item := "[[backup]]\nappliance = \"dc1\"\nuuid = \"" + string(uuid(1)) + "\"\n"
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":       {good + "speed = 3\n" + item, `plan.toml: line 3, column 1: unknown key "speed"`},
		"not TOML":          {"operation = copy\n", "plan.toml: line 1, column 13"},
		"wrong type":        {good + "at_once = \"two\"\n" + item, "plan.toml: line 3, column 11"},
		"no backup":         {good, "0 backups: a plan has 1 to 10000"},
		"operation":         {"operation = \"sync\"\n" + item, `operation "sync": it is copy, move or push`},
		"destination":       {"operation = \"move\"\ndestination = \"nas\"\n" + item, `destination "nas"`},
		"push to nowhere":   {"operation = \"push\"\n" + item, "a push needs the address"},
		"careful copy":      {good + "careful = true\n" + item, "careful = true goes with a move only"},
		"processed copy":    {good + "process = true\n" + item, "process = true goes with a push only"},
		"too many at once":  {good + "at_once = 9\n" + item, "at_once = 9: it is 1 to 8"},
		"two pushes":        {"operation = \"push\"\ndestination = \"a\"\nat_once = 2\n" + item, "at_once = 2: it is 1 to 1"},
		"on failure":        {good + "on_failure = \"pray\"\n" + item, `on_failure "pray": it is stop, skip or ask`},
		"twice":             {good + item + item, "backup 2: " + string(uuid(1)) + " of dc1 stands there twice (also 1)"},
		"no uuid":           {good + "[[backup]]\nappliance = \"dc1\"\nuuid = \"x/../y\"\n", `backup 1: "x/../y" is no uuid`},
		"no appliance":      {good + "[[backup]]\nuuid = \"" + string(uuid(1)) + "\"\n", "backup 1: its appliance is not named"},
		"two things at all": {"operation = \"sync\"\nat_once = 0\n" + item, "at_once = 0"},
	} {
		_, err := ReadPlan("plan.toml", []byte(c.text))
		if !errors.Is(err, ErrPlan) || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadPlan(f *testing.F) {
	p := plan(appliance.VerbCopy, "/mnt/nas", 2)
	b, err := p.TOML()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := ReadPlan("f", b)
		if err == nil && got.Check() != nil {
			t.Errorf("a plan was read that is wrong: %v", got.Check())
		}
	})
}

func TestPreflight(t *testing.T) {
	copies := func() Plan { return plan(appliance.VerbCopy, "/mnt/nas", 2) }
	pushes := func() Plan {
		p := plan(appliance.VerbPush, "198.18.0.9", 1)
		p.Target = "fresh"
		return p
	}
	for name, c := range map[string]struct {
		plan  Plan
		alter func(f *fake, p *Plan)
		stops bool
		want  string // empty = nothing is found
	}{
		"fine":              {plan: copies()},
		"fine push":         {plan: pushes()},
		"no such appliance": {copies(), func(_ *fake, p *Plan) { p.Items[0].Appliance = "dc9" }, true, `no appliance named "dc9"`},
		"away":              {copies(), func(f *fake, _ *Plan) { f.snaps["dc1"].State = fleet.StateDown }, true, "dc1 does not answer now (down)"},
		"untrusted":         {copies(), func(f *fake, _ *Plan) { f.snaps["dc1"].State = fleet.StateUntrusted }, true, "holdfast trust dc1"},
		"cannot":            {copies(), func(f *fake, _ *Plan) { f.snaps["dc1"].Can.Transfer = false }, true, "has no copying"},
		"never listed":      {copies(), func(f *fake, _ *Plan) { f.snaps["dc1"].BackupsPart = fleet.Part{} }, true, "never listed"},
		"list failed":       {copies(), func(f *fake, _ *Plan) { f.snaps["dc1"].BackupsPart.Err = "HTML" }, true, "could not be listed: HTML"},
		"no checksum":       {copies(), func(_ *fake, p *Plan) { p.Items[1].Checksum = appliance.Text{} }, false, "no checksum is told"},
		"no room at the target": {
			func() Plan { p := plan(appliance.VerbPush, "198.18.0.9", 2); p.Target = "fresh"; return p }(),
			func(f *fake, _ *Plan) { f.snaps["fresh"].Space = appliance.Space{Used: 500, Total: 1500} }, true,
			"fresh has 1.0 kB free in internal, and the plan needs 2.0 kB",
		},
		"no room":           {plan(appliance.VerbCopy, "internal", 2), func(f *fake, _ *Plan) { f.snaps["dc1"].Space = appliance.Space{Used: 500, Total: 1500} }, true, "has 1.0 kB free in internal, and the plan needs 2.0 kB"},
		"target away":       {pushes(), func(f *fake, _ *Plan) { f.snaps["fresh"].State = fleet.StateDown }, true, "the target fresh does not answer"},
		"target not fresh":  {pushes(), func(f *fake, _ *Plan) { f.snaps["fresh"].Backups = make([]fleet.Backup, 3) }, false, "fresh has 3 backups"},
		"target moved":      {pushes(), func(f *fake, _ *Plan) { f.snaps["fresh"].Address = "198.18.0.8" }, true, "is 198.18.0.8 in the settings"},
		"target of nobody":  {pushes(), func(_ *fake, p *Plan) { p.Target = "" }, false, "cannot be verified"},
		"processed nowhere": {pushes(), func(_ *fake, p *Plan) { p.Target, p.Process = "", true }, true, "only an appliance of the settings"},
		"other version":     {pushes(), func(f *fake, _ *Plan) { f.snaps["fresh"].Health.Version = appliance.Label("4.2.0") }, false, "dc1 has version 4.1.0, fresh has 4.2.0"},
		"refused by a rule": {copies(), func(f *fake, _ *Plan) {
			f.hinders = func(string, appliance.Act) (string, bool) { return "it changed", false }
		}, true, "it changed"},
		"busy for the while":    {copies(), func(f *fake, _ *Plan) { f.hinders = func(string, appliance.Act) (string, bool) { return "busy", true } }, false, "busy; it is waited for"},
		"only an admin deletes": {plan(appliance.VerbMove, "/mnt/nas", 2), func(_ *fake, p *Plan) { p.Careful, p.Who = true, "otto" }, true, "the originals cannot be deleted: your role is operator"},
		"wrong in itself":       {copies(), func(_ *fake, p *Plan) { p.AtOnce = 0 }, true, "at_once = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(2)
			if c.alter != nil {
				c.alter(f, &c.plan)
			}
			who := maria
			if c.plan.Who == "otto" {
				who = policy.Person{Name: "otto", Role: policy.Operator}
			}
			found := Preflight(f, who, &c.plan)
			must(t, "stops", Stops(found), c.stops)
			must(t, fmt.Sprintf("%+v", found), c.want == "" && len(found) == 0 ||
				c.want != "" && slices.ContainsFunc(found, func(x Finding) bool { return strings.Contains(x.Text, c.want) }), true)
			must(t, "sent", len(f.sent), 0)
		})
	}
}

// The requests that are shown are those that are sent, in their order.
func TestRequests(t *testing.T) {
	p := plan(appliance.VerbMove, "/mnt/nas", 2)
	p.Careful = true
	var got []string
	for _, c := range Requests(newFake(2), &p) {
		got = append(got, c.URL)
	}
	want := fmt.Sprintf("copy %s delete %s copy %s delete %s", uuid(0), uuid(0), uuid(1), uuid(1))
	must(t, "requests", strings.Join(got, " "), want)
}
