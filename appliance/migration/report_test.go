package migration

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

func TestReport(t *testing.T) {
	begun := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	p := plan(appliance.VerbMove, "/mnt/nas", 4)
	p.Who = "maria"
	p.Items[1].Label = appliance.Label("a|b `rm` <b> \x1b[31m")
	p.Items[1].Size = -1
	r := Record{ID: "abc", Plan: p, State: StateAsking, Note: "step 2 went wrong", Begun: begun}
	for _, it := range p.Items {
		r.Steps = append(r.Steps, Step{Item: it, Phase: PhaseQueued, Stage: StageTransfer})
	}
	r.Steps[0].Phase, r.Steps[0].Fate, r.Steps[0].Took, r.Steps[0].Try = PhaseDone, fleet.FateThere, 2*time.Second, 1
	r.Steps[0].Began, r.Steps[0].Ended = begun, begun.Add(2*time.Second)
	r.Steps[1].Phase, r.Steps[1].Fate, r.Steps[1].Try, r.Steps[1].Note = PhaseFailed, fleet.FateNeither, 1, "listed nowhere"
	r.Steps[2].Phase, r.Steps[2].Try = PhaseUnknown, 1
	text := r.Report().Markdown()
	for _, want := range []string{
		"# Migration abc: asking", "move 4 backups of dc1 to /mnt/nas", "1 done, 1 failed, 1 unknown, 1 queued",
		"| 1 | dc1 | nightly-0 | " + string(uuid(0)) + " | sum0 | 1.0 kB | done | at the destination, as the listing says | 2s | 500 B/s |",
		"| failed | listed neither here nor there |", `a\|b`, "| unknown | not known |", "| queued | not touched |", "- Ended: not yet",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.ContainsAny(text, "\x1b") || strings.Contains(text, "<b>") {
		t.Errorf("what an appliance wrote is not made harmless:\n%s", text)
	}
	b, err := r.Report().JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	must(t, "state", back.Steps[1].Where, "listed neither here nor there")
	must(t, "size that is not known", back.Steps[1].Size == nil, true)
	must(t, "seconds", *back.Steps[0].Seconds, 2.0)
	must(t, "ended", back.Ended == nil, true)
}

// 100 % is said when everything is verified, and never before.
func TestProgress(t *testing.T) {
	p := plan(appliance.VerbCopy, "/mnt/nas", 4)
	r := Record{Plan: p}
	for _, it := range p.Items {
		r.Steps = append(r.Steps, Step{Item: it, Phase: PhaseQueued, Stage: StageTransfer})
	}
	at := func(percent float64) Progress { return r.Progress(func(*Step) float64 { return percent }) }
	must(t, "nothing yet", at(-1).Share, 0.0)
	r.Steps[0].Phase, r.Steps[1].Phase = PhaseDone, PhaseRunning
	must(t, "by bytes", at(50).Share, 0.375)
	must(t, "not told", at(-1).Share, 0.25)
	for i := range r.Steps {
		r.Steps[i].Phase = PhaseRunning
	}
	must(t, "all jobs at 100 %", at(100).Share, 0.99)
	must(t, "and nothing done", at(100).Done, 0)
	for i := range r.Steps {
		r.Steps[i].Phase = PhaseDone
	}
	must(t, "all done", at(-1).Share, 1.0)
	r.Steps[3].Phase = PhaseFailed
	must(t, "one failed", at(-1).Share < 1, true)
	r.Steps[3].Phase = PhaseSkipped
	must(t, "one was left out", at(-1).Share, 1.0)
	r.Steps[3].Phase, r.Steps[3].Item.Size = PhaseQueued, -1
	must(t, "by steps, as a size is not known", at(-1).Share, 0.75)
}

func TestRate(t *testing.T) {
	var r Rate
	add := func(at time.Duration, moved int64) {
		r.Add(appliance.Reading{Run: at}, Progress{Moved: moved, Bytes: 1000, Sized: true, Steps: 1, Share: float64(moved) / 1000})
	}
	must(t, "nothing known", r.PerSecond(), 0.0)
	add(0, 0)
	add(10*time.Second, 100)
	must(t, "rate", r.PerSecond(), 10.0)
	must(t, "left", r.Left(Progress{Moved: 100, Bytes: 1000, Sized: true, Share: 0.1, Steps: 1}), 90*time.Second)
	for n := range 30 {
		add(10*time.Second+time.Duration(n+1)*10*time.Second, 100+int64(n+1)*20)
	}
	must(t, "of the last minutes only", r.PerSecond(), 2.0)
	add(320*time.Second, 50)
	must(t, "anew after a step back", r.PerSecond(), 0.0)
}
