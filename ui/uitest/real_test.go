package uitest_test

import (
	"testing"

	"holdfast/ui/uitest"
)

// The demo, in real time and over real sockets: what a newcomer sees first. It needs nothing, and leaves nothing.
func TestDemo(t *testing.T) {
	t.Parallel()
	x := uitest.Start(t, uitest.Options{Args: []string{"demo"}, Sockets: true})
	x.Until("6 appliances", "5 up", "1 down")
	x.Until("dc1-lxca", "LXCA 4.1.0").Until("ecb-edge", "ECB 4.2.0").Until("old-lxca", "down")
	x.Press("1").Press("g").Press("a").Until("╭ Acquire a lock on dc1-lxca")
	x.Type("upd").Until("narrowed to", "upd").Press("enter").UntilMatch(`UP Updates +you +\d\d:\d\d`)
	x.Press("q").Until("You hold 1 lock.").Press("enter")
	if code := x.End(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
