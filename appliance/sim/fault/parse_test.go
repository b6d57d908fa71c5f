package fault

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Rule{
		"drop-after POST sftp/locks #2":               {Kind: DropAfter, Method: "POST", Path: "sftp/locks", Nth: 2},
		"status=503 GET p=0.1":                        {Kind: Status, Status: 503, Method: "GET", P: 0.1},
		"restart=20s after=60s":                       {Kind: Restart, For: 20 * time.Second, After: time.Minute},
		"  reset\teffect=1m30s ":                      {Kind: Reset, Effect: Late, Late: 90 * time.Second},
		"status=429 retry-after=5s effect=no every=3": {Kind: Status, Status: 429, RetryAfter: 5 * time.Second, Effect: None, Every: 3},
		"cut=0 POST,PUT /tasks?compact=true of=head":  {Kind: Cut, Head: true, Method: "POST,PUT", Path: "/tasks?compact=true"},
		"random p=0.05 seed=7":                        {Kind: Mix, P: 0.05, Seed: 7},
		"random=5s on=dc? times=9 until=1h":           {Kind: Mix, For: 5 * time.Second, On: "dc?", Times: 9, Until: time.Hour},
		"steal-lock by=acli period=30s":               {Kind: StealLock, By: "acli", Period: 30 * time.Second},
		"restart=1m how=503 locks=kept PUT / effect=yes": {Kind: Restart, For: time.Minute, How: Unavailable, KeepLocks: true, Method: "PUT",
			Path: "/", Effect: Done},
		"clock-step=-10m":             {Kind: ClockStep, For: -10 * time.Minute},
		"drop-before DELETE locks/*$": {Kind: DropBefore, Method: "DELETE", Path: "locks/*$"},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		again, err := Parse(got.String())
		if err != nil || again != want {
			t.Errorf("%s: written as %s, which is %+v, %v", text, got, again, err)
		}
	}
}

func TestParseSaysWhatAndWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 `fault "", column 0`,
		"drop-aftr POST sftp/locks":        `column 1: unknown fault "drop-aftr": did you mean drop-after?`,
		"xyzzy":                            "column 1: unknown fault \"xyzzy\": use one of drop-before",
		"drop-after POST sftp/locks #0":    `column 28: "#0" is not a request's number`,
		"status GET":                       "column 1: status needs a value: status=CODE",
		"status=teapot":                    `column 1: status: "teapot" is not a whole number`,
		"status=200":                       "status: 200 is not from 400 to 599",
		"html=302":                         "302 is not 200 or from 400 to 599",
		"reset=5":                          "column 1: reset takes no value",
		"reset tries=2":                    `column 7: unknown key "tries": did you mean times?`,
		"reset of=head":                    "column 7: reset takes no of",
		"reset effect=maybe":               `column 7: effect: "maybe" is not no, yes, or a time`,
		"reset p=2":                        `column 7: p: "2" is not a probability`,
		"reset p=NaN":                      "is not a probability",
		"reset p=":                         "column 7: p has no value: use p=P",
		"reset p=0.1  p=0.2":               "column 14: p is said twice",
		"reset GET POST":                   "column 11: the method is said twice",
		"reset post":                       `column 7: "post" is no method, no path (which has a slash), no #N and no KEY=VALUE: did you mean POST?`,
		"reset tasks":                      "no path (which has a slash)",
		"reset GET [/x":                    `"[" is no pattern`,
		"reset #2 p=0.5":                   "#2 is one request",
		"reset after=2m until=1m":          "until=1m is not behind after=2m",
		"reset period=5s":                  "column 7: reset takes no period",
		"restart=20s p=0.5":                "it counts no requests",
		"restart=20s GET period=5s":        "period= is for faults of an appliance without",
		"restart=-20s":                     "is not a time that it can take",
		"restart=1000000h":                 "is not a duration",
		"restart=20s effect=yes":           "needs a request",
		"steal-lock by=me":                 `column 12: by: "me" is not rest, gui, acli`,
		"status=503 retry-after=1500ms":    "not in whole seconds",
		"delay-effect=5s effect=yes":       "delay-effect takes no effect",
		"cut=9999999999999999999 POST x/y": "is not a whole number",
	} {
		_, err := Parse(text)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if text == "" {
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Rules that are made in Go are held to the same.
func TestCheck(t *testing.T) {
	for _, r := range []Rule{
		{}, {Kind: "x"}, {Kind: Reset, Late: time.Second}, {Kind: Reset, Effect: Late}, {Kind: Reset, Bytes: 1}, {Kind: DropAfter, Effect: None},
		{Kind: Reset, Method: "get"}, {Kind: Reset, Path: "tasks"}, {Kind: Reset, On: "["}, {Kind: Reset, P: -1}, {Kind: Reset, Every: -1},
		{Kind: Restart, For: time.Second, How: "up"}, {Kind: StealLock, By: "me"}, {Kind: Status, Status: 503, RetryAfter: -time.Second},
		{Kind: Restart, For: time.Second, Effect: Late, Late: time.Second, Method: "GET"}, {Kind: DelayEffect, Late: -time.Second},
		{Kind: StealLock, Period: time.Millisecond}, {Kind: Reset, KeepLocks: true},
	} {
		if err := r.Check(); err == nil {
			t.Errorf("%+v is good", r)
		}
	}
	if err := Random(7, 0.1).Check(); err != nil {
		t.Error(err)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		rule, method, url string
		want              bool
	}{
		{"reset sftp/locks", "GET", "/aicc/service/sftp/locks", true},
		{"reset sftp/locks", "DELETE", "/aicc/service/sftp/locks/0123", true},
		{"reset sftp/locks$", "DELETE", "/aicc/service/sftp/locks/0123", false},
		{"reset sftp/locks$", "POST", "/aicc/service/sftp/locks", true},
		{"reset sftp/lock", "POST", "/aicc/service/sftp/locks", false},
		{"reset sftp/lock*", "POST", "/aicc/service/sftp/locks", true},
		{"reset /sftp/locks", "POST", "/aicc/service/sftp/locks", false},
		{"reset /tasks", "GET", "/tasks/12", true},
		{"reset / GET", "GET", "/", true},
		{"reset configuration/management?action=save", "PUT", "/rest/v1.1/configuration/management?action=save", true},
		{"reset configuration/management?action=save", "PUT", "/rest/v1.1/configuration/management?action=verify", false},
		{"reset POST,PUT", "PUT", "/x", true},
		{"reset POST,PUT", "GET", "/x", false},
		{"reset on=dc*", "GET", "/x", true},
		{"reset on=edge", "GET", "/x", false},
	} {
		r, err := Parse(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Match("dc1", httptest.NewRequest(c.method, "https://lxca.example"+c.url, nil)); got != c.want {
			t.Errorf("%s on %s %s: %v", c.rule, c.method, c.url, got)
		}
	}
}

// Whatever is read can be written and read again as the same rule, and is good.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"drop-after POST sftp/locks #2", "status=503 GET p=0.1 retry-after=5s", "restart=20s after=60s on=dc1 how=503 locks=kept",
		"cut=4 of=head every=2 seed=9", "clock-step=-1h PUT /a/b?c=d$ effect=yes", "reset effect=20s until=1h times=3", "random=1s p=1e-3", "drip=1 ["} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			if r != (Rule{}) {
				t.Errorf("%q: a rule beside an error: %+v", text, r)
			}
			return
		}
		if err := r.Check(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		again, err := Parse(r.String())
		if err != nil || again != r {
			t.Errorf("%q: written %q: %+v, %v", text, r, again, err)
		}
		r.Match("dc1", httptest.NewRequest("GET", "https://lxca.example/a/b", nil))
	})
}

func TestHelpTellsEverything(t *testing.T) {
	help := Help()
	for _, word := range append(kindNames(), optionKeys()...) {
		if !strings.Contains(help, "  "+word) {
			t.Errorf("the help does not tell of %s", word)
		}
	}
	if len(order) != len(kinds) {
		t.Errorf("%d kinds are listed of %d", len(order), len(kinds))
	}
}
