package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

func pair() sim.Config {
	return sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}, {Name: "edge", Kind: sim.KindECB}}, Backups: 2, Jobs: 1, Locks: 1, Seed: 1}
}

func TestStatusText(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		r := call{args: []string{"--config", config, "status"}, sims: sims, user: "maria"}.run(t.Context())
		r.want(t, ExitDone, "APPLIANCE", "LOCK ON", "LEFT AT LEAST")
		lines := strings.Split(r.out, "\n")
		if f := strings.Fields(lines[1]); len(f) < 6 || f[0] != "dc1" || f[2] != "up" || f[3] != "1" || f[4] != "2" || f[5] != "1" {
			t.Errorf("the line of dc1: %q", lines[1])
		}
		if f := strings.Fields(lines[2]); len(f) < 6 || f[0] != "edge" || f[3] != "?" { // nobody told whether its lock is held
			t.Errorf("the line of edge: %q", lines[2])
		}
		if strings.Contains(r.out, "\x1b") {
			t.Error("there are escape sequences in it")
		}
	})
}

// The object of --json is what the README documents, with times in RFC 3339 and null for what was never told.
func TestStatusJSON(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		sims.Appliance("dc1").LXCA.AddForeignLock("UP", time.Hour)
		r := call{args: []string{"--config", config, "status", "--json"}, sims: sims}.run(t.Context())
		r.want(t, ExitDone)
		if r.err != "" {
			t.Errorf("stderr: %s", r.err)
		}
		var got struct {
			Appliances []struct {
				Name, Kind, State string
				Locks             []struct {
					ID, Scope, Holder string
					Ends              *string
				}
				Backups []struct {
					ID, Label, Checksum string
					Created             *string
					Size                *int64
					Locations           []string
				}
				Jobs []struct {
					ID, Title, State, Outcome string
					Percent                   *float64
				}
			}
		}
		dec := json.NewDecoder(strings.NewReader(r.out))
		if err := dec.Decode(&got); err != nil {
			t.Fatalf("%v\n%s", err, r.out)
		}
		if _, err := dec.Token(); err != io.EOF {
			t.Error("something follows the object")
		}
		dc1, edge := got.Appliances[0], got.Appliances[1]
		if dc1.Name != "dc1" || dc1.Kind != "lxca" || dc1.State != "up" || len(dc1.Locks) != 2 || len(dc1.Backups) != 2 || len(dc1.Jobs) != 1 {
			t.Fatalf("dc1: %+v", dc1)
		}
		for _, l := range dc1.Locks {
			if l.ID == "" || l.Holder != "another" || l.Ends == nil {
				t.Errorf("lock %+v", l)
				continue
			}
			if end, err := time.Parse(time.RFC3339, *l.Ends); err != nil || end.Before(time.Now()) || !strings.HasSuffix(*l.Ends, "Z") {
				t.Errorf("the lock ends at %q: %v", *l.Ends, err)
			}
		}
		if b := dc1.Backups[0]; b.ID == "" || b.Label == "" || b.Size == nil || *b.Size <= 0 || b.Created == nil || b.Locations[0] != "internal" {
			t.Errorf("backup %+v", b)
		}
		if j := dc1.Jobs[0]; j.ID == "" || j.Outcome == "" {
			t.Errorf("job %+v", j)
		}
		if edge.Kind != "ecb" || edge.State != "up" {
			t.Errorf("edge: %+v", edge)
		}
	})
}

// What does not answer is said, in the row and by the exit code; what was never told is null and not an empty list.
func TestStatusUnreachable(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		change(t, config, func(text string) string {
			return text + "\n[[appliance]]\nname = \"old\"\nkind = \"lxca\"\nurl = \"https://198.18.9.9\"\nuser = \"admin\"\npassword_file = \"dc1.password\"\n"
		})
		r := call{args: []string{"--config", config, "status"}, sims: sims}.run(t.Context())
		r.want(t, ExitUnreachable, "old", "down", "1 of 3 appliances did not answer, or could not be asked")
		r = call{args: []string{"--config", config, "status", "--json"}, sims: sims}.run(t.Context())
		r.want(t, ExitUnreachable, `"name": "old"`, `"locks": null`, `"state": "down"`)
	})
}

// Hostile words of an appliance reach neither stdout nor the log as they are.
func TestFault_DAT07_StatusAndLog(t *testing.T) {
	t.Parallel()
	cfg := pair()
	cfg.Switches = []string{"message-text=hostile", "labels=hostile"}
	withFleet(t, cfg, func(t *testing.T, sims *sim.Fleet, config string) {
		const evil = "a\x1b]0;pwned\x07\u202e\u009b31mTAIL"
		sims.Appliance("dc1").LXCA.AddBackup(xclarity.Backup{Label: evil, By: evil, Locations: []string{"internal", "/mnt/" + evil}})
		for _, args := range [][]string{{"status"}, {"status", "--json"}} {
			r := call{args: append([]string{"--config", config}, args...), sims: sims}.run(t.Context())
			logged, err := os.ReadFile(filepath.Join(filepath.Dir(config), "state", "holdfast.log"))
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"stdout": r.out, "stderr": r.err, "log": string(logged)} {
				if strings.ContainsAny(text, "\x1b\x07\u202e\u009b\r") {
					t.Errorf("%v: %s holds control characters: %q", args, name, text)
				}
			}
		}
	})
}

// The state folder and the log are for their owner only.
func TestStateIsPrivate(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		call{args: []string{"--config", config, "status"}, sims: sims}.run(t.Context()).want(t, ExitDone)
		state := filepath.Join(filepath.Dir(config), "state")
		for path, mode := range map[string]os.FileMode{state: 0o700, filepath.Join(state, "holdfast.log"): 0o600} {
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v %v", path, info, err)
			}
		}
		logged, err := os.ReadFile(filepath.Join(state, "holdfast.log"))
		if err != nil || strings.Contains(string(logged), "Passw0rd") {
			t.Errorf("the log: %v %s", err, logged)
		}
	})
}

// The simulators tell of themselves line by line, write a configuration that just works, and log what happens, until
// they are interrupted.
func TestSim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, truth := filepath.Join(dir, "config.toml"), filepath.Join(dir, "truth.jsonl")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan int)
	go func() {
		code := Main(ctx, Env{Args: []string{"sim", "--lxca", "127.0.0.1:0", "--fresh-lxca", "127.0.0.1:0", "--ecb", "127.0.0.1:0", "--locks", "2",
			"--backups", "3", "--jobs", "1", "--truth", truth, "--write-config", config}, In: strings.NewReader(""), Out: w, Err: io.Discard})
		_ = w.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(r)
	for _, want := range []string{"lxca-1", "fresh-1", "ecb-1"} {
		if !lines.Scan() {
			t.Fatal("no line")
		}
		var a struct {
			Name, Kind, URL, Address, Pin string
			Accounts                      []struct{ User, Password, Role string }
		}
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil || a.Name != want || !strings.HasPrefix(a.URL, "https://127.0.0.1:") ||
			!strings.HasPrefix(a.Pin, "sha256//") || len(a.Accounts) != 2 || !strings.HasPrefix(a.Address, "198.18.") {
			t.Errorf("line %s: %v", lines.Text(), err)
		}
	}
	say(t, "--config", config, "config", "check").want(t, ExitDone, "is good: 3 appliances")
	s := say(t, "--config", config, "status")
	s.want(t, ExitDone, "lxca-1", "ecb-1", "fresh-1")
	if _, err := os.Stat(filepath.Join(filepath.Dir(config), "state", "holdfast.log")); err != nil {
		t.Errorf("what is tried is not kept beside its configuration: %v", err)
	}
	cancel()
	if code := <-ended; code != ExitDone {
		t.Errorf("exit code %d", code)
	}
	text, err := os.ReadFile(truth)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e struct{ Seq int }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Seq == 0 {
			t.Errorf("truth %q: %v", line, err)
		}
	}
	if !strings.Contains(string(text), "lock.granted") {
		t.Errorf("nothing happened: %s", text)
	}
}
