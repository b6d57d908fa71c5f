package ecb

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

func (b *bench) probe() appliance.Health {
	b.t.Helper()
	h, err := b.Probe(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

func field(h appliance.Health, key string) string {
	for _, f := range h.Fields {
		if f.Key.String() == key {
			return f.Value.String()
		}
	}
	return ""
}

func TestProbe(t *testing.T) {
	b := newBench(t)
	get := func(s string) string { return "GET " + version + s + " 200" }
	h := b.probe()
	b.sent(0, sentLogin, get("system/status"), get("system/information"))
	if h.Host.String() != "ecb-lab" || h.Role.String() != "standalone" || h.Uptime <= 0 || h.Version.String() != "PCZ4.2.0 GA (Build 87)" ||
		h.User.String() != "admin" || h.PasswordDays >= 0 || h.NoLocks != "" || h.Product.Empty() {
		t.Errorf("health %+v", h)
	}
	if h.Peer.Pin == "" || h.Stamp.Received.IsZero() || h.Stamp.Date.IsZero() {
		t.Errorf("peer %+v, stamp %+v", h.Peer, h.Stamp)
	}
	mark := b.mark()
	h = b.probe()
	b.sent(mark, get("system/status"), get("system/version"), "GET /rest/api/supportedversions 200")
	if got := field(h, "rest.supportedVersions"); got != "v1.2, v1.1" && got != "v1.2, v1.0, v1.1" {
		t.Errorf("supported versions %q", got)
	}
	if field(h, "rest.version") != "v1.1" || field(h, "status.systemState") != "online" || field(h, "information.serialNum") == "" {
		t.Errorf("fields %v", h.Fields)
	}
	mark = b.mark()
	b.probe()
	b.sent(mark, get("system/status"))
	// After the connection was lost everything is read again, as another release may be there.
	b.between(swallow)
	if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrUnreachable) {
		t.Fatalf("err %v", err)
	}
	b.between(nil)
	mark = b.mark()
	b.probe()
	b.sent(mark, get("system/status"), get("system/information"), get("system/version"))
}

func TestProbeTellsWhatWeMayDo(t *testing.T) {
	b := newBench(t)
	if h := b.probe(); h.MayChange || !h.Doubt {
		t.Errorf("before anything was tried: %+v", h)
	}
	b.acquire()
	if h := b.probe(); !h.MayChange || h.Doubt {
		t.Errorf("after a lock: %+v", h)
	}
	b = newBench(t, as("viewer", "Passw0rd-viewer"))
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrForbidden) {
		t.Fatalf("err %v", err)
	}
	if h := b.probe(); h.MayChange || h.Doubt {
		t.Errorf("after a 403: %+v", h)
	}
}

// A right that was refused may be granted: it is in doubt again when somebody looks again after a rejection, when the
// connection was lost, and after a while.
func TestForbiddenIsNotForEver(t *testing.T) {
	for name, pass := range map[string]func(*bench){
		"forgotten": func(b *bench) { b.ForgetPassword() },
		"lost connection": func(b *bench) {
			b.between(swallow)
			if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrUnreachable) {
				t.Fatalf("err %v", err)
			}
			b.between(nil)
		},
		"ten minutes": func(b *bench) { b.hands.advance(10 * time.Minute) },
	} {
		b := newBench(t)
		b.between(on("configuration/lock", once(page(403, mediaXML, ""))))
		if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrForbidden) {
			t.Fatalf("%s: %v", name, err)
		}
		b.between(nil)
		b.hands.advance(9 * time.Minute)
		if h := b.probe(); h.MayChange || h.Doubt {
			t.Errorf("%s, before: %+v", name, h)
		}
		pass(b)
		if h := b.probe(); h.MayChange || !h.Doubt {
			t.Errorf("%s: %+v", name, h)
		}
		b.acquire()
		b.ForgetPassword()
		if h := b.probe(); !h.MayChange || h.Doubt {
			t.Errorf("%s, after a lock: %+v", name, h)
		}
	}
}

func TestProbeUptimeSpellings(t *testing.T) {
	for _, spelling := range []string{"uptimeSeconds", "upTime", "upTimeSeconds"} {
		b := newBench(t)
		b.set("status-uptime", spelling)
		one := b.probe().Uptime
		b.hands.advance(time.Minute)
		if two := b.probe().Uptime; one <= 0 || two-one != time.Minute {
			t.Errorf("%s: %v, a minute later %v", spelling, one, two)
		}
	}
}

func TestProbeWithoutSomeResources(t *testing.T) {
	absent := page(404, mediaXML, "<response><data/><messages><errorMessage>Not found.</errorMessage></messages></response>")
	t.Run("all", func(t *testing.T) {
		b := newBench(t)
		b.between(func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodGet {
				absent(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
		})
		h := b.probe()
		b.probe()
		if !h.Role.Empty() || h.Uptime != 0 || !h.Version.Empty() || h.Stamp.Received.IsZero() {
			t.Errorf("health %+v", h)
		}
		mark := b.mark()
		b.probe()
		b.sent(mark, "GET "+version+"system/status 404")
	})
	t.Run("status", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/status", absent))
		one := b.probe()
		b.hands.advance(time.Minute)
		two := b.probe()
		if one.Uptime <= 0 || two.Uptime-one.Uptime != time.Minute || one.Host.String() != "ecb-lab" {
			t.Errorf("uptime %v, a minute later %v; host %s", one.Uptime, two.Uptime, one.Host)
		}
	})
	t.Run("information", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/information", absent))
		b.probe()
		if h := b.probe(); h.Version.Empty() || h.Product.Empty() {
			t.Errorf("nothing taken from system/version: %+v", h)
		}
	})
}

func TestProbeFailures(t *testing.T) {
	t.Run("unreadable status", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/status", page(200, "text/html", "<html>log in</html>")))
		if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrMalformed) || strings.Contains(err.Error(), "log in<") {
			t.Errorf("err %v", err)
		}
	})
	t.Run("empty status", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/status", page(200, mediaXML, "<response><data/></response>")))
		if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrMalformed) {
			t.Errorf("err %v", err)
		}
	})
	t.Run("unreadable information", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/information", page(200, mediaXML, "<response><data/></response>")))
		h := b.probe()
		if len(h.Told) != 1 || h.Role.Empty() {
			t.Errorf("told %v", h.Told)
		}
		b.between(nil)
		if h = b.probe(); len(h.Told) != 0 || h.Version.Empty() {
			t.Errorf("not tried again: %+v", h)
		}
	})
	t.Run("503", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/status", page(503, "text/html", "<html>")))
		if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrBusy) || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("err %v", err)
		}
	})
	t.Run("information unreachable", func(t *testing.T) {
		b := newBench(t)
		b.between(on("system/information", swallow))
		if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrUnreachable) {
			t.Errorf("err %v", err)
		}
	})
}

// Every reading request, with every status that the pages name.
func TestReadingStatuses(t *testing.T) {
	reads := map[string]func(*bench) error{
		resAsync: func(b *bench) error { _, err := b.Jobs(b.t.Context()); return err },
		resFiles: func(b *bench) error { _, err := b.Backups(b.t.Context()); return err },
		resStatus: func(b *bench) error {
			_, err := b.Probe(b.t.Context())
			return err
		},
	}
	for resource, read := range reads {
		for status, kind := range map[int]error{
			400: nil, 401: appliance.ErrCredentials, 403: appliance.ErrForbidden, 405: appliance.ErrUnsupported,
			406: appliance.ErrUnsupported, 415: appliance.ErrUnsupported, 426: appliance.ErrUnsupported,
			429: appliance.ErrBusy, 500: nil, 502: appliance.ErrBusy, 503: appliance.ErrBusy, 504: appliance.ErrBusy,
		} {
			b := newBench(t)
			b.between(on(resource, page(status, mediaXML,
				"<response><data/><messages><errorMessage>one</errorMessage><item><errorMessage>two</errorMessage></item></messages></response>")))
			err := read(b)
			var r *appliance.Refusal
			if !errors.As(err, &r) || r.Status != status || len(r.Messages) != 2 {
				t.Errorf("%s %d: %v", resource, status, err)
				continue
			}
			if r.Kind != kind || errors.Is(err, appliance.ErrAmbiguous) {
				t.Errorf("%s %d is of kind %v, want %v", resource, status, r.Kind, kind)
			}
		}
	}
}

func TestListings(t *testing.T) {
	b := newBench(t)
	list, err := b.Backups(t.Context())
	if err != nil || len(list.Backups) != 3 || list.Unreadable != 0 || list.Stamp.Received.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, x := range list.Backups {
		if x.Size != -1 || !x.At(appliance.Internal) || !strings.HasSuffix(string(x.ID), ".gz") || x.Label.String() != string(x.ID) {
			t.Errorf("%+v", x)
		}
		if told := fmt.Sprint(x.Raw.Lines()); !strings.Contains(told, string(x.ID)) {
			t.Errorf("the answer that %s was read from: %s", x.ID, told)
		}
	}
	long := "<response><data><backupFiles>" + strings.Repeat("<file>a.gz</file>", 1000) + "</backupFiles></data></response>"
	b.between(once(on(resFiles, page(200, mediaXML, long))))
	if list, err := b.Backups(t.Context()); err != nil || len(list.Backups) != 1 || !list.Backups[0].Raw.Empty() {
		t.Errorf("a long listing is kept: %v", err)
	}
	jobs, err := b.Jobs(t.Context())
	if err != nil || len(jobs.Jobs) != 0 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	b.acquire()
	if _, err := b.Renew(t.Context(), theLock); err != nil { // starts a verification
		t.Fatal(err)
	}
	jobs, err = b.Jobs(t.Context())
	if err != nil || len(jobs.Jobs) != 1 {
		t.Fatalf("%+v, %v", jobs, err)
	}
	j := jobs.Jobs[0]
	if j.ID != "async" || j.Title.String() != "verify" || j.State.String() != "inProgress" || j.Phase != appliance.PhaseRunning ||
		j.Percent >= 0 || j.Cancellable || j.Raw.Empty() {
		t.Errorf("%+v", j)
	}
	for _, absent := range []string{resFiles, resAsync} {
		b.between(on(absent, page(404, mediaXML, "")))
	}
	if _, err := b.Jobs(t.Context()); !errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("err %v", err)
	}
	b.between(page(204, mediaXML, ""))
	jobs, err = b.Jobs(t.Context())
	list, err2 := b.Backups(t.Context())
	if err != nil || err2 != nil || len(jobs.Jobs) != 0 || len(list.Backups) != 0 {
		t.Errorf("204: %v %v, %v %v", jobs, err, list, err2)
	}
}

// A cut answer is an error wherever it is cut, never a shorter list.
func TestFault_NET05_CutXML(t *testing.T) {
	const whole = `<?xml version="1.0"?><response><data><backupFiles><file>a.gz</file><file>b.gz</file></backupFiles></data></response>`
	for n := range len(whole) {
		root, err := parse([]byte(whole[:n]), documentLimits)
		if err == nil || root != nil {
			t.Fatalf("cut at %d: %v, %v", n, root, err)
		}
	}
	b := newBench(t)
	b.between(on(resFiles, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", mediaXML)
		_, _ = w.Write([]byte(whole[:len(whole)-10]))
	}))
	if list, err := b.Backups(t.Context()); !errors.Is(err, appliance.ErrMalformed) || len(list.Backups) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}
