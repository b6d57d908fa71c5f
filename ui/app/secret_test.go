package app

import (
	"net/http"
	"reflect"
	"testing"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/appliance/secret/canary"
)

// tokenStart is how every token of the user admin begins at a simulated ECB: what it stands for is "admin,admin" (api/ecb.md 2.1).
const tokenStart = "YWRtaW4sYWRtaW4"

// Whatever is on the screen, and was: neither a password nor a token is anywhere in the dashboard's own state, not even where
// nothing draws it. Behind the engine they are, in the clients that need them.
func TestFault_SEC05_TheDashboardHoldsNoSecret(t *testing.T) {
	onBench(t, nil, func(b *bench) {
		forms := append(canary.Forms("Passw0rd-admin", "admin"), canary.Forms(tokenStart, "admin")...)
		looked := 0
		look := func() {
			t.Helper()
			found, n := canary.Find(b.Model, forms, reflect.TypeFor[*fleet.Engine]())
			if looked += n; found != "" {
				t.Errorf("the model holds %q", found)
			}
			if found, _ := canary.Find(b.View(), forms, reflect.TypeFor[*fleet.Engine]()); found != "" {
				t.Errorf("the view holds %q", found)
			}
		}
		look()
		for _, keys := range [][]string{
			{"1", "enter"}, {"esc", "1", "a"}, {"enter"}, {"2", "g", "enter"}, {"esc", "e"}, {"esc", "r"}, {"esc", "K"}, {"esc", "w"}, {"esc", "3", "g", "enter"},
			{"esc", "c"}, {"enter"}, {"esc", "esc", "4", "enter"}, {"esc", "5"}, {"6", "enter"}, {"Y"}, {"esc", "7"}, {"?"}, {"esc", "G", "a"}, {"y"}, {"esc", "/"},
			{"esc", "q"}, {"esc"},
		} {
			b.press(keys...)
			look()
			<-time.After(2 * time.Second)
			b.pump()
			look()
		}
		if looked < 50_000 {
			t.Errorf("only %d strings were looked at", looked)
		}
		b.engine.Close()
		if found, _ := canary.Find(b.Model, forms, reflect.TypeFor[*http.Transport]()); found == "" {
			t.Error("there is no secret behind the engine either, so that this proves nothing")
		}
	})
}
