package ecb

import (
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"holdfast/appliance"
)

// The only times that an ECB tells are whole seconds: read strictly or not at all, and shown as they came. What it does not tell
// is unknown, not a moment.
func TestFault_CLK06_Seconds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
			rapid.StringMatching(`[+-]?[0-9]{0,25}`), rapid.StringMatching(`[0-9]{1,4}[-:.TZeE_ ][0-9]{1,4}Z?`), rapid.String(),
		).Draw(t, "text")
		got := seconds(text)
		n, ok := new(big.Int).SetString(text, 10)
		ok = ok && n.Sign() >= 0 && n.Cmp(big.NewInt(int64(1<<63-1)/int64(time.Second))) <= 0
		switch {
		case !ok && got != 0:
			t.Fatalf("%q is read as %v", text, got)
		case ok && got != time.Duration(n.Int64())*time.Second:
			t.Fatalf("%q is read as %v", text, got)
		}
	})
	for _, text := range []string{"2026-11-21T14:00:00Z", "734210.5", "-5", "99999999999999999999", "soon"} {
		b := newBench(t)
		b.between(on(resStatus, page(200, mediaXML, "<response><data><hostName>h</hostName><uptimeSeconds>"+text+"</uptimeSeconds></data></response>")))
		b.forgetFacts(resVersions) // so that nothing else tells an uptime
		h, err := b.Probe(t.Context())
		raw := slices.ContainsFunc(h.Fields, func(f appliance.Field) bool { return f.Value.String() == text })
		if err != nil || h.Uptime != 0 || !raw {
			t.Errorf("%q: uptime %v, shown %v, %v", text, h.Uptime, raw, err)
		}
	}
	b := newBench(t)
	if h, err := b.Probe(t.Context()); err != nil || h.Uptime <= 0 {
		t.Errorf("uptime %v, %v", h.Uptime, err)
	}
	l := b.lock()
	if !l.Created.IsZero() || !l.Seen.Date.IsZero() || l.TTL != 0 {
		t.Errorf("times of a lock of which nothing is known: %+v", l)
	}
}

// A file whose name cannot be used is counted, and those beside it are read.
func TestFault_DAT05_AnyFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		good := rapid.StringMatching(`[0-9A-Za-z][0-9A-Za-z._+-]{0,20}\.gz`)
		bad := rapid.SampledFrom([]string{"../../etc/passwd", "a b.gz", "-rf", ".gz", "a/b.gz", "\u202eevil.gz", strings.Repeat("x", 200) + ".gz", "ä.gz"})
		var data strings.Builder
		var names []string
		unreadable := 0
		for range rapid.IntRange(1, 20).Draw(t, "rows") {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				fmt.Fprintf(&data, "<file>%s</file>", bad.Draw(t, "bad"))
				unreadable++
			case 1:
				fmt.Fprint(&data, rapid.SampledFrom([]string{"<file/>", "<fileSize>12</fileSize>", "<new><thing>1</thing></new>"}).Draw(t, "other"))
			default:
				name := good.Draw(t, "good")
				fmt.Fprintf(&data, "<file>%s</file>", name)
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		if len(names)+unreadable == 0 {
			return // no file at all: TestDecodeFiles
		}
		root, err := parse([]byte("<response><data><backupFiles>"+data.String()+"</backupFiles></data></response>"), documentLimits)
		if err != nil {
			t.Fatal(err)
		}
		list, n, err := decodeFiles(root)
		var got []string
		for _, b := range list {
			got = append(got, string(b.ID))
		}
		if err != nil || n != unreadable || !slices.Equal(got, names) {
			t.Fatalf("%s\n%q, %d unreadable, %v; want %q, %d", data.String(), got, n, err, names, unreadable)
		}
	})
}

// Through the front door: the listing says how many it left out; what is missing, of another type or new elsewhere makes no other
// answer unreadable that has what it must.
func TestFault_DAT05_Unreadable(t *testing.T) {
	b := newBench(t)
	b.between(on(resFiles, page(200, mediaXML, "<response><data><backupFiles><file>a.gz</file><file>no name</file><file>../b.gz</file><size>5</size></backupFiles></data></response>")))
	l, err := b.Backups(t.Context())
	if err != nil || len(l.Backups) != 1 || l.Backups[0].ID != "a.gz" || l.Unreadable != 2 {
		t.Errorf("%+v, %v", l, err)
	}
	for data, readable := range map[string]bool{
		"<hostName>h</hostName>":                          true,
		"<hostName><a>1</a></hostName><role/>":            true,
		"<uptimeSeconds>x</uptimeSeconds><new><a/></new>": true,
		"<role>active</role><role>standby</role>":         true,
		"":     false,
		"text": false,
	} {
		b.between(on(resStatus, page(200, mediaXML, "<response><extra/><data>"+data+"</data></response>")))
		if h, err := b.Probe(t.Context()); (err == nil) != readable || err != nil && (!errors.Is(err, appliance.ErrMalformed) || h.User.String() != "") {
			t.Errorf("%q: %+v, %v", data, h, err)
		}
	}
}

// The largest answer that is read, and what is over a limit, cost no more than a bounded multiple of it.
func TestFault_NET04_MemoryCeiling(t *testing.T) {
	const ceiling = 250 << 20 // allocated in all, by the appliance too: it is in this process
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "<file>f%d.gz</file>", i)
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		rows string
		want error
		says string
	}{
		"100 k rows":            {rows(mostRows), nil, ""},
		"one row over":          {rows(mostRows + 1), appliance.ErrTooLarge, "100000"},
		"200 k elements":        {rows(1) + strings.Repeat("<a/>", 200_000), appliance.ErrMalformed, "200000 elements"},
		"more bytes than 8 MiB": {rows(1) + strings.Repeat(" ", 8<<20), appliance.ErrTooLarge, "8388608"},
	} {
		b := newBench(t)
		b.between(on(resFiles, page(200, mediaXML, "<response><data><backupFiles>"+test.rows+"</backupFiles></data></response>")))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		l, err := b.Backups(t.Context())
		runtime.ReadMemStats(&after)
		slow := err != nil && strings.Contains(err.Error(), "takes longer") // a refusal too, on a busy host
		switch {
		case !slow && (!errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %d rows, %v", name, len(l.Backups), err)
		case err == nil && len(l.Backups) != mostRows, err != nil && len(l.Backups) != 0:
			t.Errorf("%s: %d rows, %v", name, len(l.Backups), err)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > ceiling {
			t.Errorf("%s: %d MiB were allocated", name, spent>>20)
		}
	}
}
