package fleet_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
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

// tokenLike is what the tokens of the user admin look like at a simulated ECB (api/ecb.md 2.1).
var tokenLike = regexp.MustCompile(`^YWRtaW4sYWRtaW4s[A-Za-z0-9+/]+=*$`)

// tokens are the access tokens that the clients have now: they are the ones to have them.
func (h *house) tokens() (list []string) {
	for _, c := range h.clients {
		canary.Look(c, func(s string) {
			if tokenLike.MatchString(s) && !slices.Contains(list, s) {
				list = append(list, s)
			}
		})
	}
	return list
}

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
		var secrets []string
		look := func() {
			for _, s := range h.Snapshots() {
				values = append(values, s)
			}
			for _, token := range h.tokens() {
				if !slices.Contains(secrets, token) {
					secrets = append(secrets, token)
				}
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
		if len(secrets) < 8 {
			t.Fatalf("only %d tokens were seen, so this proves little%s", len(secrets), h.story())
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
		forms := canary.Forms("Passw0rd-admin", "admin")
		for _, s := range secrets {
			forms = append(forms, canary.Forms(s, "admin")...)
		}
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
		if found, _ := canary.Find(h.clients, forms); found == "" {
			t.Error("the clients hold no secret, so that this proves nothing")
		}
	}, set)
}
