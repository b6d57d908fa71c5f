package ecb

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"holdfast/appliance"
)

func TestConfig(t *testing.T) {
	b := newBench(t)
	c, err := b.Config(t.Context(), appliance.RunningCopy)
	if err != nil || len(c.Types) != 3 || len(c.Elements) != 5 || len(c.Missing) != 0 || c.Guessed || c.Copy != appliance.RunningCopy ||
		c.Stamp.Sent.IsZero() {
		t.Fatalf("%+v, %v", c, err)
	}
	keys := ""
	for _, e := range c.Elements {
		keys += e.Type.String() + " " + e.Key.String() + ", "
	}
	if keys != "session-agent a.example.net, session-agent b.example.net, session-group sg-lab, user-number +15550100, user-number +15550101, " {
		t.Errorf("keys %s", keys)
	}
	group := c.Elements[2]
	if len(group.Attributes) != 2 || group.Attributes[1].Name.String() != "dest" || len(group.Attributes[1].Values) != 2 {
		t.Errorf("group %+v", group)
	}
	for _, what := range []appliance.ConfigCopy{appliance.SavedCopy, "", "x\x1b"} {
		if _, err := b.Config(t.Context(), what); !errors.Is(err, appliance.ErrUnsupported) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", what, err)
		}
	}
}

// A release that does not say which types it has is asked for those that are known, and it is told that this is a guess; types
// that it has not are told as missing, and nothing is said of them.
func TestConfigOfOtherReleases(t *testing.T) {
	b := newBench(t)
	b.set("element-types", "absent")
	if c, err := b.Config(t.Context(), appliance.EditedCopy); err != nil || !c.Guessed || len(c.Elements) != 5 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, status := range []int{400, 404} {
		b.between(onQuery("elementType=user-number", page(status, mediaXML, "")))
		running, err := b.Config(t.Context(), appliance.RunningCopy)
		if err != nil || len(running.Missing) != 1 || running.Missing[0].String() != "user-number" || len(running.Elements) != 3 {
			t.Errorf("%d: %+v, %v", status, running, err)
		}
		b.between(nil)
		edited, err := b.Config(t.Context(), appliance.EditedCopy)
		if d := appliance.ChangesBetween(running, edited); err != nil || len(d) != 0 {
			t.Errorf("%d: a type that is missing shows as %+v, %v", status, d, err)
		}
	}
	for _, status := range []int{401, 403, 500, 503} {
		b.between(onQuery("elementType=user-number", page(status, mediaXML, "")))
		if c, err := b.Config(t.Context(), appliance.RunningCopy); err == nil || !reflect.ValueOf(c).IsZero() {
			t.Errorf("%d: %+v, %v", status, c, err)
		}
	}
	b.between(onQuery("elementType=", page(404, mediaXML, "")))
	if _, err := b.Config(t.Context(), appliance.RunningCopy); !errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("no type at all: %v", err)
	}
}

// onQuery is on for requests with that in their query.
func onQuery(part string, m meddler) meddler {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if strings.Contains(r.URL.RawQuery, part) {
			m(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	}
}

// add puts n user numbers into the edited configuration.
func (b *bench) add(n int) {
	b.t.Helper()
	for i := range n {
		r := ownedRequest(http.MethodPost, "v1.1", resElements, b.ownership().token.text)
		r.ContentType = mediaXML
		r.Body = fmt.Appendf(nil, "<configElement><elementType>user-number</elementType>"+
			"<attribute><name>number</name><value>+1666%04d</value></attribute></configElement>", i)
		if resp, err := b.http.Do(b.t.Context(), r); err != nil || resp.Status != http.StatusOK {
			b.t.Fatalf("add: %+v, %v", resp, err)
		}
	}
}

// More than one page holds is read whole, by our own count: the address of the next page is not called.
func TestConfigPages(t *testing.T) {
	for _, n := range []int{98, 99, 198, 203} { // with the two that are there: a full page, one more, two pages, and three
		b := newBench(t)
		b.set("link-host", "address")
		b.acquire()
		b.add(n)
		mark := b.mark()
		edited, err := b.Config(t.Context(), appliance.EditedCopy)
		if err != nil || len(edited.Elements) != 5+n {
			t.Fatalf("%d: %d elements, %v", n, len(edited.Elements), err)
		}
		asked := 0
		for _, line := range b.since(mark) {
			if strings.Contains(line, "elementType=user-number") {
				asked++
			}
		}
		if want := (n+2)/pageSize + 1; asked != want {
			t.Errorf("%d: %d pages, want %d", n, asked, want)
		}
		running, err := b.Config(t.Context(), appliance.RunningCopy)
		if d := appliance.ChangesBetween(running, edited); err != nil || len(d) != n || d[0].How != appliance.ElementAdded {
			t.Errorf("%d: %d differences, %v", n, len(d), err)
		}
	}
}

const oneAgent = `<configElement><elementType>session-agent</elementType>` +
	`<attribute><name>hostname</name><value>a</value></attribute></configElement>`

// Pages that never end, or lie, are an error and no part of a configuration.
func TestConfigPagesThatLie(t *testing.T) {
	next := `<links><link>https://198.18.0.1/rest/v1.1/configuration/configElements?offset=1</link></links>`
	for name, answer := range map[string]string{
		"for ever the same": `<response><data>` + oneAgent + `</data>` + next + `</response>`,
		"empty, with more":  `<response><data/>` + next + `</response>`,
		"another type":      `<response><data>` + strings.ReplaceAll(oneAgent, "session-agent", "session-group") + `</data></response>`,
		"no name":           `<response><data>` + strings.ReplaceAll(oneAgent, "<name>hostname</name>", "") + `</data></response>`,
		"no elements":       `<response><data><files><file>a.gz</file></files></data></response>`,
		"only words":        `<response><data>none</data></response>`,
		"no data":           `<response><messages/></response>`,
		"a page":            `<html>log in</html>`,
	} {
		b := newBench(t)
		b.between(on(resElements, page(200, mediaXML, answer)))
		if c, err := b.Config(t.Context(), appliance.RunningCopy); !errors.Is(err, appliance.ErrMalformed) || !reflect.ValueOf(c).IsZero() {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for name, answer := range map[string]string{
		"none": `<response><data/></response>`, "two": `<response><data><a>session-agent</a></data></response>`,
		"hostile": `<response><data><type>../x</type></data></response>`,
	} {
		b := newBench(t)
		b.between(on(resTypes, page(200, mediaXML, answer)))
		if _, err := b.Config(t.Context(), appliance.RunningCopy); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("types, %s: %v", name, err)
		}
	}
}

// Answers that are cut anywhere are no configuration and no operation.
func TestFault_NET05_CutConfig(t *testing.T) {
	elements := `<?xml version="1.0"?><response><data>` + oneAgent + oneAgent + `</data><links/></response>`
	types := `<response><data><elementTypes><elementType>session-agent</elementType></elementTypes></data></response>`
	b := newBench(t)
	for resource, whole := range map[string]string{resElements: elements, resTypes: types} {
		var cut atomic.Int64
		b.between(on(resource, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", mediaXML)
			_, _ = w.Write([]byte(whole[:cut.Load()]))
		}))
		for cut.Store(1); int(cut.Load()) < len(whole); cut.Add(1) {
			if c, err := b.Config(t.Context(), appliance.RunningCopy); !errors.Is(err, appliance.ErrMalformed) || !reflect.ValueOf(c).IsZero() {
				t.Fatalf("%s cut at %d: %+v, %v", resource, cut.Load(), c, err)
			}
		}
	}
}
