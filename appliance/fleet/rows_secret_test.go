package fleet_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/connect"
	"holdfast/appliance/fleet"
	"holdfast/appliance/secret/canary"
	"holdfast/appliance/sim"
)

// tokenStart is how every token of the user admin begins at a simulated ECB: what it stands for is "admin,admin" (api/ecb.md 2.1).
const tokenStart = "YWRtaW4sYWRtaW4"

// Whatever is done, and whatever goes wrong: no password and no token is in a snapshot, an event, a result, an error, a record of
// the journal or its files, or the log; only the clients have them, and the one file for owning tokens.
func TestFault_SEC05_NothingOfTheEngineHoldsASecret(t *testing.T) {
	var logged bytes.Buffer
	cfg := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}, {Name: "edge", Kind: sim.KindECB}}, Backups: 2, Jobs: 1, Seed: 1}
	set := func(c *connect.Deps, o *fleet.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Log = o.Log
	}
	onSims(t, cfg, func(t *testing.T, h *house) {
		var values []any
		look := func() {
			for _, s := range h.Snapshots() {
				values = append(values, s)
			}
		}
		do := func(name string, act appliance.Act) {
			r, err := h.do(name, act)
			values = append(values, r, err, h.Explain(name, act), h.WhyNot(maria, name, act))
			look()
		}
		lock := appliance.Lock{ID: appliance.ConfigurationLock}
		everything := func() {
			do("dc1", acquire("UP", 20*time.Minute+7*time.Second))
			for _, id := range h.mine("dc1") {
				do("dc1", appliance.Act{Verb: appliance.VerbKeep, Lock: h.lock("dc1", id).Lock})
				do("dc1", appliance.Act{Verb: appliance.VerbRelease, Lock: h.lock("dc1", id).Lock})
			}
			do("edge", acquire(appliance.ConfigurationLock, 0))
			h.pass(time.Minute)
			for _, verb := range []appliance.Verb{appliance.VerbExtend, appliance.VerbKeep, appliance.VerbUnkeep, appliance.VerbRelease} {
				do("edge", appliance.Act{Verb: verb, Lock: lock})
			}
			if b := h.Snapshot("dc1").Backups; len(b) > 0 {
				do("dc1", appliance.Act{Verb: appliance.VerbCopy, Transfer: appliance.Transfer{
					Verb: appliance.VerbCopy, Backup: b[0].ID, Checksum: b[0].Checksum, Destination: "/mnt/my_remote_share",
				}})
			}
			for _, name := range h.Names() {
				values = append(values, h.Trace(name, 0), h.LockRules(name))
			}
			h.pass(30 * time.Second)
			look()
		}
		everything()
		for _, rule := range []string{
			"drop-after POST", "status=500 POST,DELETE,PUT", "html=200", "cut=20", "revoke-token POST", "status=401 POST configuration/lock", "restart=20s", "swap-certificate",
		} {
			id := h.fault(rule)
			everything()
			h.sims.Faults().Remove(id)
			h.Look("")
			h.pass(70 * time.Second)
			everything()
		}
		values = append(values, h.Events(0, 0))
		records, err := h.journal.Unsettled(t.Context())
		values = append(values, records, err)
		holdings, err := h.journal.Holdings(t.Context())
		values = append(values, holdings, err)
		events, err := h.journal.Events(t.Context(), time.Time{}, 0)
		values = append(values, events, err)
		h.Close()
		files, err := filepath.Glob(filepath.Join(h.dir, "state", "*"))
		if err != nil || len(files) < 2 {
			t.Errorf("files %q, %v", files, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if info, serr := os.Stat(file); serr == nil && info.IsDir() {
				must(t, "folder", filepath.Base(file), "tokens") // SEC-03
				continue
			}
			if err != nil {
				t.Error(err)
			}
			values = append(values, text)
		}
		values = append(values, logged.Bytes())
		forms := append(canary.Forms("Passw0rd-admin", "admin"), canary.Forms(tokenStart, "admin")...)
		all := 0
		for _, v := range values {
			found, looked := canary.Find(v, forms)
			all += looked
			if found != "" {
				i := max(0, slices.IndexFunc(forms, func(f string) bool { return strings.Contains(found, f) }))
				at := strings.Index(found, forms[i])
				t.Errorf("%s holds %q", reflect.TypeOf(v), found[max(0, at-40):min(len(found), at+60)])
			}
		}
		if all < 5000 || logged.Len() < 1000 {
			t.Errorf("%d strings were looked at, %d bytes logged", all, logged.Len())
		}
		logins := len(h.truth("edge", "token.issued", "")) + len(h.truth("edge", "token.renewed", ""))
		if found, _ := canary.Find(h.clients, forms, reflect.TypeFor[*http.Transport]()); found == "" || logins < 20 {
			t.Errorf("%d tokens were given out, and the clients hold %q: this proves nothing", logins, found)
		}
	}, set)
}
