package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"holdfast/appliance/sim"
)

// A damaged journal is set aside, which is said and stays said; the locks that it knew for ours are shown as the appliances list
// them, are not claimed, and are not touched.
func TestFault_JNL02_LocksAreReadAnew(t *testing.T) {
	t.Parallel()
	withFleet(t, pair(), func(t *testing.T, sims *sim.Fleet, config string) {
		r := locksOf(t, sims, config, "acquire", "dc1", "UP", "--ttl", "20m", "--json")
		r.want(t, ExitDone, "took UP")
		var took listedJSON
		if err := json.Unmarshal([]byte(r.out), &took); err != nil {
			t.Fatal(err)
		}
		locksOf(t, sims, config, "acquire", "edge", "configuration").want(t, ExitDone, "took configuration")
		path := filepath.Join(filepath.Dir(config), "state", "journal.db")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b[:4096] {
			b[i] ^= 0x55
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		before := len(sims.Appliance("dc1").LXCA.Locks())
		r = locksOf(t, sims, config, "list", "--json")
		r.want(t, ExitDone, "the journal was damaged", took.ID)
		r = locksOf(t, sims, config, "release", "dc1", took.ID)
		if r.code == ExitDone {
			t.Errorf("it was given back: %s", r.err)
		}
		r = locksOf(t, sims, config, "list")
		r.want(t, ExitDone, took.ID)
		r.wantNot(t, "you (maria)")
		if n := len(sims.Appliance("dc1").LXCA.Locks()); n != before || sims.Appliance("edge").ECB.LockOwner() == "" {
			t.Errorf("%d locks, before %d; the ECB's is of %q", n, before, sims.Appliance("edge").ECB.LockOwner())
		}
		all := call{args: []string{"--config", config, "events", "--since", "300000h"}, sims: sims, user: "maria"}.run(t.Context())
		all.want(t, ExitDone, "the journal was damaged", "it was set aside as", "journal.db.damaged-")
	})
}
