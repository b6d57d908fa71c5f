package journal

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/fleet"
)

// A reader that finds a journal damaged, or gone, begins a new one as anybody does; why stays in it, for whoever looks later.
func TestFault_JNL02_FoundByAReader(t *testing.T) {
	for what, damage := range map[string]func(path string) error{
		"was damaged": func(path string) error { return os.WriteFile(path, []byte("no journal"), 0o600) },
		"is gone":     os.Remove,
	} {
		_, path := folder(t)
		j := opened(t, path, "first")
		id := intend(t, j, 1)
		if what == "is gone" { // the file of an engine that was killed tells that there was one
			if err := os.WriteFile(path+".engine-killed", fmt.Appendf(nil, "%020d\n", id), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		closed(t, j)
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		closed(t, openedWith(t, path, Options{Clock: still(noon)}, host()))
		k := opened(t, path, "second")
		all, err := k.Events(t.Context(), time.Time{}, 0)
		if err != nil || len(all) != 1 || all[0].Level != fleet.Warn || !strings.Contains(all[0].Text, what) || !all[0].At.Equal(noon) {
			t.Errorf("%s: %+v, %v", what, all, err)
		}
		if what == "is gone" && (len(all) != 1 || all[0].ID != id+1 || intend(t, k, 1) <= all[0].ID) {
			t.Errorf("%s: numbers %+v", what, all)
		}
		if len(k.Notices()) > 0 {
			t.Errorf("%s: the next notices %q", what, k.Notices())
		}
	}
}
