package cli

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/sim"
)

// On a terminal a migration is one line with a bar that never wraps, is never whole before the end, and is taken away before a line
// stands in its place.
func TestMigrateRunDrawsABar(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := planned(t, sims, config)
		var out, errs output
		const columns = 50
		code := Main(t.Context(), Env{
			Args: []string{"--config", config, "migrate", "run", path, "--yes"}, In: strings.NewReader(""), Out: &out, Err: &errs, User: "maria",
			Terminal: true, Width: func() int { return columns }, Dial: sims.DialContext,
		})
		if code != ExitDone {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		_, rest, _ := strings.Cut(errs.String(), "\r\x1b[K")
		drawn := strings.Split(rest, "\r\x1b[K")
		bars, half := 0, false
		for i, text := range drawn {
			line, after, lines := strings.Cut(text, "\n")
			if !strings.Contains(line, " %") {
				continue
			}
			bars++
			half = half || !strings.Contains(line, "  0 %")
			if lines || after != "" {
				t.Errorf("a line stands behind the bar: %q", text)
			}
			if w := ansi.StringWidth(line); w >= columns {
				t.Errorf("%d columns of %d: %q", w, columns, line)
			}
			if strings.Contains(line, "100 %") && !strings.Contains(line, "3 done") && i < len(drawn)-2 {
				t.Errorf("it is called whole too soon: %q", line)
			}
		}
		if bars < 5 || !half {
			t.Errorf("%d bars, of which one tells of something: %v", bars, half)
		}
		if last := drawn[len(drawn)-1]; last != "" {
			t.Errorf("the bar is left on the terminal: %q", last)
		}
	})
}

// abroad is a clock whose times are told in the zone of its host, five hours and a half ahead.
func abroad() *clock.Clock {
	zone := time.FixedZone("IST", 19800)
	began := time.Now()
	return clock.New(func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0).In(zone), now.Sub(began)
	})
}

// Whoever watches jobs is told the time in UTC, wherever the host is.
func TestJobsWatchIsInUTC(t *testing.T) {
	t.Parallel()
	withFleet(t, movers(), func(t *testing.T, sims *sim.Fleet, config string) {
		path := planned(t, sims, config)
		after(t, 8*time.Second, sims, config, "migrate", "run", path, "--yes").want(t, 130)
		var out, errs output
		_ = Main(t.Context(), Env{Args: []string{"--config", config, "jobs", "watch", "dc1", "1"}, In: strings.NewReader(""), Out: &out, Err: &errs,
			User: "maria", Dial: sims.DialContext, Clock: abroad()})
		if now := time.Now().UTC(); !strings.Contains(out.String(), now.Format("15:04:")) || !strings.Contains(out.String(), " UTC  job 1") {
			t.Errorf("at %s it says %q; %s", now, out.String(), errs.String())
		}
	})
}

// The same goes for events, by a process whose zone is another.
func TestEventsAreInUTC(t *testing.T) {
	t.Parallel()
	config := write(t, "config.toml", "state_dir = \".\"\n[[appliance]]\nname = \"dc1\"\nkind = \"lxca\"\nurl = \"https://192.0.2.1\"\nuser = \"a\"\n")
	j, err := journal.Open(t.Context(), filepath.Join(filepath.Dir(config), "journal.db"), journal.Options{Engine: "first"})
	if err != nil {
		t.Fatal(err)
	}
	// The file of a zone five hours and a half ahead, without any change: a header, one kind of time and its name (RFC 8536).
	zone := write(t, "zone", "TZif"+strings.Repeat("\x00", 16+16)+"\x00\x00\x00\x01\x00\x00\x00\x04"+"\x00\x00\x4d\x58\x00\x00"+"IST\x00")
	at := time.Now().UTC()
	err = j.Tell(t.Context(), fleet.Event{At: appliance.Reading{Wall: at}, Text: "something happened"})
	if err := errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		at.Format("2006-01-02 15:04:05 UTC "): {"events"}, at.Format(`{"at":"2006-01-02T15:04:05`): {"events", "--json"},
	} {
		b := launch(t, func(cmd *exec.Cmd) { cmd.Env[0] = "TZ=" + zone }, append([]string{"--config", config}, args...)...)
		b.end(ExitDone)
		if text := b.out.String(); !strings.Contains(text, want) || strings.Contains(text, "+05:30") {
			t.Errorf("%v says %q, want %q", args, text, want)
		}
	}
}
