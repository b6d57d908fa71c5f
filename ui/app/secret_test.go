package app

import (
	"reflect"
	"regexp"
	"slices"
	"testing"
	"time"

	"holdfast/appliance/fleet"
	"holdfast/appliance/secret/canary"
)

// tokenLike is what the tokens of the user admin look like at a simulated ECB (api/ecb.md 2.1).
var tokenLike = regexp.MustCompile(`^YWRtaW4sYWRtaW4s[A-Za-z0-9+/]+=*$`)

// Whatever is on the screen, and was: neither a password nor a token is anywhere in the dashboard's own state, not even where
// nothing draws it. Behind the engine they are, in the clients that need them.
func TestFault_SEC05_TheDashboardHoldsNoSecret(t *testing.T) {
	onBench(t, nil, func(b *bench) {
		forms := canary.Forms("Passw0rd-admin", "admin")
		tokens := 0
		canary.Look(b.Model, func(s string) {
			if tokenLike.MatchString(s) && !slices.Contains(forms, s) {
				tokens++
				forms = append(forms, canary.Forms(s, "admin")...)
			}
		})
		if found, _ := canary.Find(b.Model, forms); found == "" || tokens == 0 {
			t.Fatalf("%d tokens, and not even behind the engine a secret: this proves nothing", tokens)
		}
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
	})
}
