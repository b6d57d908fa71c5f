package ecb

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"holdfast/appliance"
)

// replies are what an appliance, or something in between, may answer to anything: the statuses of api/ecb.md 1.3, those of
// proxies, and bodies that are none. Each as a status, with or without an envelope.
var replies = map[string]meddler{
	"200 page":  page(200, "text/html", "<html>log in</html>"),
	"200 empty": page(200, mediaXML, ""),
	"200 cut":   page(200, mediaXML, "<response><data><acc"),
	"301":       redirectTo(301, "https://elsewhere.example.net/"),
	"302":       redirectTo(302, "https://elsewhere.example.net/"),
	"307":       redirectTo(307, "https://elsewhere.example.net/"),
	"301 bare":  page(301, mediaXML, ""),
	"302 bare":  page(302, mediaXML, ""),
	"307 bare":  page(307, mediaXML, ""),
	"423 other": page(423, mediaXML, "<response><messages><errorMessage>Resource locked by another user</errorMessage></messages></response>"),
	"423 free":  page(423, mediaXML, "<response><messages><errorMessage>User does not have the lock.</errorMessage></messages></response>"),
}

// plain are answers with a status and a message.
var plain = []int{202, 204, 400, 401, 403, 404, 405, 406, 415, 423, 426, 429, 500, 502, 503, 504}

func redirectTo(status int, where string) meddler {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) { http.Redirect(w, r, where, status) }
}

func reply(name string) meddler {
	if m, ok := replies[name]; ok {
		return m
	}
	var status int
	if _, err := fmt.Sscan(name, &status); err != nil {
		panic(err)
	}
	if status == 204 {
		return page(204, mediaXML, "")
	}
	return page(status, mediaXML, "<response><data/><messages><errorMessage>words</errorMessage></messages><links/></response>")
}

func replyNames() []string {
	var names []string
	for n := range replies {
		names = append(names, n)
	}
	for _, s := range plain {
		names = append(names, fmt.Sprint(s))
	}
	slices.Sort(names)
	return names
}

// kinds are the words in the table below.
var kinds = map[string]error{
	"ambiguous": appliance.ErrAmbiguous, "credentials": appliance.ErrCredentials, "forbidden": appliance.ErrForbidden,
	"held": appliance.ErrHeld, "nothold": appliance.ErrNotHeld, "unsupported": appliance.ErrUnsupported,
	"malformed": appliance.ErrMalformed, "busy": appliance.ErrBusy, "unreachable": appliance.ErrUnreachable,
}

// kindsOf lists the kinds of an error in the words of the table: none, ok, or some of them.
func kindsOf(err error) string {
	if err == nil {
		return "ok"
	}
	var list []string
	for word, kind := range kinds {
		if errors.Is(err, kind) {
			list = append(list, word)
		}
	}
	slices.Sort(list)
	if len(list) == 0 {
		return "refused"
	}
	return strings.Join(list, "+")
}

// belief is what the client believes of the lock.
func (b *bench) belief() string {
	return map[phase]string{
		phaseNone: "not", phaseHeld: "held", phaseLocking: "open", phaseUnlocking: "open", phaseDoubtful: "open",
	}[b.ownership().phase]
}

// endpoint is a request of the client's, what it is made by, and what the client believes before.
type endpoint struct {
	suffix string
	hold   bool // the lock is ours before
	do     func(*bench) error
}

var endpoints = map[string]endpoint{
	"versions":    {suffix: "supportedversions", do: probeTwice},
	"information": {suffix: "system/information", do: probeTwice},
	"version":     {suffix: "system/version", do: probeTwice},
	"status":      {suffix: "system/status", do: probeTwice},
	"async":       {suffix: "admin/asyncstatus", do: func(b *bench) error { _, err := b.Jobs(b.t.Context()); return err }},
	"files":       {suffix: "management/files", do: func(b *bench) error { _, err := b.Backups(b.t.Context()); return err }},
	"login":       {suffix: "auth/token", do: func(b *bench) error { _, err := b.Jobs(b.t.Context()); return err }},
	"own login":   {suffix: "auth/token", do: func(b *bench) error { _, err := b.Acquire(b.t.Context(), theClaim); return err }},
	"lock":        {suffix: "configuration/lock", do: func(b *bench) error { _, err := b.Acquire(b.t.Context(), theClaim); return err }},
	"unlock":      {suffix: "configuration/unlock", hold: true, do: func(b *bench) error { _, err := b.Release(b.t.Context(), theLock); return err }},
	"renewal":     {suffix: "auth/token", hold: true, do: renewUnproven},
	"verify":      {suffix: "configuration/management", hold: true, do: renewUnproven},
	"proof async": {suffix: "admin/asyncstatus", hold: true, do: renewUnproven},
}

// probeTwice probes often enough to read everything; what is wrong with a part that does not change is only told.
func probeTwice(b *bench) error {
	for range 2 {
		h, err := b.Probe(b.t.Context())
		if err != nil {
			return err
		}
		if len(h.Told) > 0 {
			return fmt.Errorf("%w, and told", appliance.ErrMalformed)
		}
	}
	return nil
}

var errUnproven = errors.New("renewed, and not proven")

func renewUnproven(b *bench) error {
	r, err := b.Renew(b.t.Context(), theLock)
	if err == nil && r.Unproven {
		return errUnproven
	}
	return err
}

// Every request of the client's, answered in every way: the kinds of the error, and what the client believes of the lock
// afterwards. A cell is KINDS or KINDS/BELIEF; without a belief it is what it was. `refused` is an error of no kind.
func TestEveryStatusOfEveryEndpoint(t *testing.T) { everyStatus(t, endpoints, expected) }

// everyStatus holds endpoints against their columns.
func everyStatus(t *testing.T, endpoints map[string]endpoint, expected map[string]string) {
	t.Helper()
	for name, e := range endpoints {
		want := cells(t, expected[name])
		for _, answer := range replyNames() {
			t.Run(name+" "+answer, func(t *testing.T) {
				b := newBench(t)
				if e.hold {
					b.acquire()
					if _, err := b.Jobs(t.Context()); err != nil { // has the poll token, so that auth/token is the renewal
						t.Fatal(err)
					}
				}
				b.between(on(e.suffix, reply(answer)))
				before := b.belief()
				err := e.do(b)
				got := kindsOf(err)
				if errors.Is(err, errUnproven) {
					got = "unproven"
				}
				if after := b.belief(); after != before {
					got += "/" + after
				}
				if got != want[answer] {
					t.Errorf("%s, want %s: %v", got, want[answer], err)
				}
				if err != nil && strings.Contains(err.Error(), "log in<") {
					t.Errorf("a foreign page is shown: %v", err)
				}
			})
		}
	}
}

// cells reads one column of the table: lines of answers, and behind a colon what comes of them.
func cells(t *testing.T, column string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(column), "\n") {
		answers, cell, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			t.Fatalf("no cell in %q", line)
		}
		for a := range strings.SplitSeq(answers, ", ") {
			got[a] = cell
		}
	}
	return got
}

const (
	// fixed is a part that does not change: a release need not have it.
	fixed = `
		200 cut, 200 empty, 200 page, 202, 204, 301, 301 bare, 302, 302 bare, 307, 307 bare: malformed
		400, 423, 423 free, 423 other, 500: refused
		401: credentials
		403: forbidden
		404: ok
		405, 406, 415, 426: unsupported
		429, 502, 503, 504: busy`
	listing = `
		200 cut, 200 empty, 200 page, 202, 301, 301 bare, 302, 302 bare, 307, 307 bare: malformed
		204: ok
		400, 423, 423 free, 423 other, 500: refused
		401: credentials
		403: forbidden
		404, 405, 406, 415, 426: unsupported
		429, 502, 503, 504: busy`
	login = `
		200 cut, 200 empty, 200 page, 202, 204, 301, 301 bare, 302, 302 bare, 307, 307 bare: malformed
		400, 423, 423 free, 423 other, 500: refused
		401: credentials
		403: forbidden
		404, 405, 406, 415, 426: unsupported
		429, 502, 503, 504: busy`
)

// expected is the table, one column for each endpoint.
var expected = map[string]string{
	"versions": fixed, "information": fixed, "version": fixed, "status": fixed,
	"async": listing, "files": listing, "login": login, "own login": login,
	"lock": `
		200 empty, 202, 204: ok/held
		200 cut, 200 page, 301, 301 bare, 302, 302 bare: ambiguous+malformed/open
		307, 307 bare: malformed
		400: refused
		401: credentials
		403: forbidden
		404, 405, 406, 415, 426: unsupported
		423, 423 free, 423 other: held
		429: busy
		500, 502, 503, 504: ambiguous/open`,
	"unlock": `
		200 empty, 202, 204, 423 free: ok/not
		200 cut, 200 page, 301, 301 bare, 302, 302 bare: ambiguous+malformed/open
		307, 307 bare: malformed
		400: refused
		401, 423: nothold/not
		403: forbidden
		404, 405, 406, 415, 426: unsupported
		423 other: held+nothold/not
		429: busy
		500, 502, 503, 504: ambiguous/open`,
	"renewal": `
		200 cut, 200 empty, 200 page, 202, 204, 301, 301 bare, 302, 302 bare: ambiguous+malformed/open
		307, 307 bare: malformed
		400, 423, 423 free, 423 other: refused
		401: credentials
		403: forbidden
		404, 405, 406, 415, 426: unsupported
		429: busy
		500, 502, 503, 504: ambiguous/open`,
	// What says neither that the new token owns the lock nor that it does not leaves the old one in its place.
	"verify": `
		200 empty, 202, 204: ok
		200 cut, 200 page, 301, 301 bare, 302, 302 bare, 307, 307 bare: unproven
		400, 403, 404, 405, 406, 415, 426, 429, 500, 502, 503, 504: unproven
		401, 423, 423 free: nothold/not
		423 other: held+nothold/not`,
	"proof async": `
		204, 404: ok
		200 cut, 200 empty, 200 page, 202, 301, 301 bare, 302, 302 bare, 307, 307 bare: unproven
		400, 401, 403, 405, 406, 415, 423, 423 free, 423 other, 426, 429, 500, 502, 503, 504: unproven`,
}
