package lxca

import (
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

const jobListing = `[{"jobUID":"83","percentage":54.0,"status":"Running","createdBy":"ADMIN","title":"Copy backup {0} to {1}",
	"args":["nightly","/mnt/s"],"startTime":"2017-05-19T15:08:34Z","endTime":"","cancelURL":"/tasks/83","cancelRESTMethod":"PUT",
	"summary":[{"text":"Copying ","format":["bold"]},{"text":[{"text":"now","format":[]}],"format":[]},{"text":[],"format":["newline"]},
	{"text":"See <a href=\"https://evil.example\">here</a> &amp; there","format":[],"link":"https://evil.example"}],
	"children":[{"jobUID":"84","percentage":100,"status":"Complete"},{"jobUID":"85","status":"Pending","percentage":"0"}]},
	{"id":5,"status":{"state":"Stopped_With_Error","percentage":100,"description":["It failed."],
	"substatus":[{"id":"6","status":{"state":"Complete","percentage":100,"substatus":[]}}]},"messageDisplay":"Manage job for {0}",
	"messageParameters":["10.243.3.16"],"startTime":"2017-05-19T15:08:34Z","endTime":"2017-05-19T15:09:34Z","isCancelable":false,"cancelURI":""}]`

func TestJobAttributes(t *testing.T) {
	l, err := decodeJobs(t.Context(), mustParse(t, jobListing))
	if err != nil || len(l.Jobs) != 2 {
		t.Fatalf("%+v, %v", l, err)
	}
	a, b := l.Jobs[0], l.Jobs[1]
	if a.ID != "83" || a.Title.String() != "Copy backup nightly to /mnt/s" || a.State.String() != "Running" || a.Phase != appliance.PhaseRunning ||
		a.Percent != 54 || a.By.String() != "ADMIN" || !a.Cancellable || !a.Ended.IsZero() ||
		!a.Started.Equal(time.Date(2017, 5, 19, 15, 8, 34, 0, time.UTC)) || len(a.Children) != 2 {
		t.Errorf("%+v", a)
	}
	if len(a.Messages) != 2 || a.Messages[0].String() != "Copying now" || a.Messages[1].String() != "See here & there" {
		t.Errorf("messages %v", a.Messages)
	}
	if a.Children[0].Phase != appliance.PhaseSucceeded || a.Children[1].Phase != appliance.PhasePending || a.Children[1].Percent != 0 {
		t.Errorf("children %+v", a.Children)
	}
	if b.ID != "5" || b.Title.String() != "Manage job for 10.243.3.16" || b.State.String() != "Stopped_With_Error" ||
		b.Phase != appliance.PhaseProblem || b.Percent != 100 || b.Cancellable || len(b.Children) != 1 || b.Ended.IsZero() ||
		len(b.Messages) != 1 || b.Messages[0].String() != "It failed." {
		t.Errorf("%+v", b)
	}
}

func phaseOf(t *testing.T, body string) appliance.Job {
	t.Helper()
	l, err := decodeJobs(t.Context(), mustParse(t, `[{"jobUID":"1",`+body+`}]`))
	if err != nil || len(l.Jobs) != 1 {
		t.Fatalf("%s: %+v, %v", body, l, err)
	}
	return l.Jobs[0]
}

func TestFault_JOB07_StatesAndPercent(t *testing.T) {
	for body, want := range map[string]appliance.Phase{
		`"status":"Complete","percentage":100`: appliance.PhaseSucceeded, `"status":"COMPLETE"`: appliance.PhaseSucceeded,
		`"jobState":"Complete"`: appliance.PhaseSucceeded, `"status":{"state":"Complete"}`: appliance.PhaseSucceeded,
		`"status":"CompleteWithErrors"`: appliance.PhaseProblem, `"status":"Complete_With_Warnings"`: appliance.PhaseProblem,
		`"status":"Completed"`: appliance.PhaseProblem, `"status":"Stopped_With_Error","percentage":100`: appliance.PhaseProblem,
		`"status":"Cancelled"`: appliance.PhaseProblem, `"status":"canceled","percentage":3`: appliance.PhaseProblem,
		`"status":"Aborted"`: appliance.PhaseProblem, `"status":"Interrupted"`: appliance.PhaseProblem, `"percentage":100`: appliance.PhaseProblem,
		`"status":"Running","percentage":100.0`: appliance.PhaseProblem, `"status":"Whatever","percentage":"100"`: appliance.PhaseProblem,
		`"status":"Pending","percentage":0`: appliance.PhasePending, `"status":"Running","percentage":99.9`: appliance.PhaseRunning,
		`"status":"In_Progress"`: appliance.PhaseRunning, `"status":"Pondering"`: appliance.PhaseUnknown, `"percentage":7`: appliance.PhaseUnknown,
		`"status":null`: appliance.PhaseUnknown, `"status":["Complete"]`: appliance.PhaseUnknown,
		`"status":"Complete","jobState":"Stopped"`: appliance.PhaseProblem, `"status":"Complete","jobState":"Complete"`: appliance.PhaseSucceeded,
	} {
		if j := phaseOf(t, body); j.Phase != want {
			t.Errorf("%s: phase %v, want %v", body, j.Phase, want)
		}
	}
	for told, want := range map[string]float64{
		"54": 54, "100.0": 100, `"54"`: 54, `"54 %"`: 54, "140": 100, "-3": 0, `"NaN"`: -1, `"inf"`: -1, "null": -1, "true": -1, "[]": -1, `""`: -1, "1e400": -1,
	} {
		if j := phaseOf(t, `"percentage":`+told); j.Percent != want {
			t.Errorf("percentage %s: %v", told, j.Percent)
		}
	}
	if j := phaseOf(t, `"status":"Pon\u001bdering"`); j.State.String() != "Pon␛dering" {
		t.Errorf("state %q", j.State)
	}
}

func TestFault_JOB08_EveryPartMustSucceed(t *testing.T) {
	good := `{"jobUID":"2","status":"Complete","percentage":100}`
	for children, want := range map[string]appliance.Phase{
		`[]`: appliance.PhaseSucceeded, `null`: appliance.PhaseSucceeded, `[` + good + `]`: appliance.PhaseSucceeded,
		`[{"status":"Complete"}]`:                                     appliance.PhaseSucceeded,
		`[{"status":"Stopped_With_Error"}]`:                           appliance.PhaseProblem,
		`[` + good + `,{"status":"Running"}]`:                         appliance.PhaseProblem,
		`[{"status":"Complete","children":[{"status":"Cancelled"}]}]`: appliance.PhaseProblem,
		`[{}]`: appliance.PhaseProblem, `[null]`: appliance.PhaseProblem, `"x"`: appliance.PhaseProblem, `{"a":1}`: appliance.PhaseProblem,
		`[{"status":"Complete","result":"failed"}]`: appliance.PhaseProblem,
	} {
		if j := phaseOf(t, `"status":"Complete","percentage":100,"children":`+children); j.Phase != want {
			t.Errorf("%s: phase %v, want %v", children, j.Phase, want)
		}
	}
	if j := phaseOf(t, `"status":"Complete","result":"FAILED"`); j.Phase != appliance.PhaseProblem {
		t.Errorf("phase %v", j.Phase)
	}
	deep := strings.Repeat(`{"status":"Complete","children":[`, 20) + `{"status":"Running"}` + strings.Repeat(`]}`, 20)
	if j := phaseOf(t, `"status":"Complete","children":[`+deep+`]`); j.Phase != appliance.PhaseProblem {
		t.Errorf("parts beyond the limit: phase %v", j.Phase)
	}
}

func TestFault_JOB12_TextAndLinks(t *testing.T) {
	nest := func(n int) string { return strings.Repeat(`{"text":[`, n) + `"deep"` + strings.Repeat(`]}`, n) }
	if got := flat(mustParse(t, nest(7))); got != "deep" {
		t.Errorf("seven deep: %q", got)
	}
	if got := flat(mustParse(t, nest(20))); got != "…" {
		t.Errorf("twenty deep: %q", got)
	}
	wide := `["` + strings.Repeat(`x","`, 50_000) + `x"]`
	if got := flat(mustParse(t, wide)); len(got) > 2*appliance.MessageLimit {
		t.Errorf("%d bytes", len(got))
	}
	long := `[` + strings.TrimSuffix(strings.Repeat(`{"text":"x","format":["paragraph"]},`, 1000), ",") + `]`
	if got := lines(mustParse(t, long)); len(got) != maxLines {
		t.Errorf("%d lines", len(got))
	}
	for raw, want := range map[string]string{
		`a <a href="https://x">b</a> c<br/>d`: "a b c d", `1 < 2 and 3 > 2`: "1 < 2 and 3 > 2", `<script>x</script>`: "<script>x</script>",
		`R&amp;D`: "R&amp;D", `<b>R&amp;D</b>`: "R&D", "x\n\ty": "x y", "\u202eabc": "▯abc",
	} {
		if got := prose(raw).String(); got != want {
			t.Errorf("%q: %q", raw, got)
		}
	}
	server := answerOf(200, `[{"jobUID":"1","status":"Running","cancelURL":"https://evil.example/x","cancelRESTMethod":"DELETE"},
		{"jobUID":"2","status":"Running","cancelURL":"/tasks/2"},{"jobUID":"3","cancelURL":"//evil.example/"},{"jobUID":"4","isCancelable":"true"},{"jobUID":"5"}]`)
	c := answering(t, server)
	l, err := c.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ cancellable, shown bool }{{true, false}, {true, true}, {true, false}, {true, false}, {false, false}} {
		j, shown := l.Jobs[i], false
		for _, f := range j.Fields {
			shown = shown || f.Key.String() == "cancelURL"
		}
		if j.Cancellable != want.cancellable || shown != want.shown {
			t.Errorf("job %s: cancellable %v, link shown %v", j.ID, j.Cancellable, shown)
		}
	}
	server.body = ""
	if _, err := c.CancelJob(t.Context(), "1"); err != nil {
		t.Error(err)
	}
	if len(server.seen) != 2 || server.seen[1] != `PUT /tasks {"action":"cancel","list":["1"]}` {
		t.Errorf("sent %v", server.seen)
	}
}
