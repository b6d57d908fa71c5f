package uitest_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/broker"
	"holdfast/ui/uitest"
)

// The pictures are taken in virtual time, 3 s after the start, of a fleet whose chance has a fixed seed. After a meant
// change: go test ./ui/uitest -run Golden -update, and look at the difference.

// gallery is the fleet that is painted.
func gallery(o uitest.Options) uitest.Options {
	o.Sim = sim.Config{
		Appliances: []sim.Spec{
			{Name: "dc1-lxca", Kind: sim.KindLXCA}, {Name: "dc2-lxca", Kind: sim.KindLXCA},
			{Name: "new-lxca", Kind: sim.KindLXCA, Fresh: true}, {Name: "ecb-edge", Kind: sim.KindECB}, {Name: "ecb-core", Kind: sim.KindECB},
		},
		Backups: 6, Jobs: 2, Seed: 1,
	}
	o.Prepare = func(f *sim.Fleet) {
		f.Appliance("dc1-lxca").LXCA.AddForeignLock("SS", 47*time.Minute)
		f.Appliance("dc2-lxca").LXCA.AddForeignLock("DM", 13*time.Minute)
		f.Appliance("ecb-core").ECB.LockByOther(broker.SourceGUI)
	}
	return o
}

// what differs from run to run, with what stands for it, equally wide.
var different = []struct {
	pattern *regexp.Regexp
	stand   string
}{
	{regexp.MustCompile(`Type \w{4} and press enter`), "Type code and press enter"},
	// A lock of ours lasts a little longer than was asked for, at random, so that it is known again.
	{regexp.MustCompile(`"expirationTimeOut":\d{4}`), `"expirationTimeOut":1230`},
	{regexp.MustCompile(`(you(?:\x1b\[[0-9;]*m| )+)\d\d:\d\d`), "${1}20:25"},
	{regexp.MustCompile(`00:2\d:\d\d`), "00:20:30"},
	{regexp.MustCompile(`00:(12|46):5\d`), "00:${1}:59"}, // of others, which each list tells to about a second
	{regexp.MustCompile(`╮\d│`), "╮0│"},                  // its end, of which a dialog leaves one cell
	{regexp.MustCompile(`sha256//[A-Za-z0-9+/]{43}=`), "sha256//PINPINPINPINPINPINPINPINPINPINPINPINPINPINP="},
}

// lasting is how long our lock lasts, in words of different width.
var lasting = regexp.MustCompile(`for 2\dm(\d+s)? *`)

// picture plays the keys and returns the screen at the same moment of each run.
func picture(t *testing.T, o uitest.Options, styled bool, keys ...string) string {
	t.Helper()
	return pictureAt(t, time.Date(2000, 1, 1, 0, 0, 5, 500_000_000, time.UTC), o, styled, keys...)
}

// pictureAt is the picture at another moment.
func pictureAt(t *testing.T, at time.Time, o uitest.Options, styled bool, keys ...string) string {
	t.Helper()
	shot := ""
	uitest.Run(t, gallery(o), func(x *uitest.Terminal) {
		x.Advance(time.Second)
		x.Press(keys...)
		x.Advance(time.Until(at))
		if shot = x.Screen(); styled {
			shot = x.Styled()
		}
	})
	for _, d := range different {
		shot = d.pattern.ReplaceAllString(shot, d.stand)
	}
	shot = lasting.ReplaceAllStringFunc(shot, func(s string) string { return fmt.Sprintf("%-*s", len(s), "for 20m") })
	return shot + "\n"
}

// options of a theme; none is what NO_COLOR asks for.
func themed(theme string, w, h int) uitest.Options {
	o := uitest.Options{Width: w, Height: h}
	if theme == "none" {
		o.Env = []string{"NO_COLOR=1"}
	} else {
		o.Args = []string{"--theme", theme}
	}
	return o
}

var takeOneLock = []string{"1", "a", "enter", "2", "g"}

// The colours of each theme, at one size.
func TestGoldenThemes(t *testing.T) {
	t.Parallel()
	for _, theme := range []string{"dark", "light", "none", "high-contrast", "colour-blind", "16-colour"} {
		t.Run(theme, func(t *testing.T) {
			t.Parallel()
			golden.RequireEqual(t, picture(t, themed(theme, 120, 40), true, takeOneLock...))
		})
	}
}

// Each size, whose words are the same in every theme.
func TestGoldenSizes(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int{"160x50": {160, 50}, "120x40": {120, 40}, "80x24": {80, 24}, "40x10": {40, 10}, "39x9": {39, 9}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dark := picture(t, themed("dark", size[0], size[1]), false, takeOneLock...)
			golden.RequireEqual(t, dark)
			for _, theme := range []string{"light", "none"} {
				if other := picture(t, themed(theme, size[0], size[1]), false, takeOneLock...); other != dark {
					t.Errorf("in the theme %s it is another picture:\n%s", theme, other)
				}
			}
		})
	}
}

// The timeline when a lock has been held for a while, in each theme and, in ASCII, in other spans of time and sizes.
func TestGoldenTimeline(t *testing.T) {
	t.Parallel()
	at := time.Date(2000, 1, 1, 0, 4, 20, 500_000_000, time.UTC)
	keys := append(slices.Clone(takeOneLock), "7", "z") // zoomed, so that no countdown is on the screen, which later lists correct
	for _, theme := range []string{"dark", "light", "none"} {
		t.Run(theme, func(t *testing.T) {
			t.Parallel()
			o := themed(theme, 120, 40)
			o.Mark = func() float64 { return 0.5 }
			golden.RequireEqual(t, pictureAt(t, at, o, true, keys...))
		})
	}
	for name, c := range map[string]struct {
		w, h int
		keys []string
	}{"80x24": {80, 24, nil}, "80x24-4h": {80, 24, []string{"+"}}, "80x24-5m": {80, 24, []string{"-", "-"}}, "40x10": {40, 10, nil}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := themed("none", c.w, c.h)
			o.Mark, o.Args = func() float64 { return 0.5 }, []string{"--ascii"}
			golden.RequireEqual(t, pictureAt(t, at, o, false, append(slices.Clone(keys), c.keys...)...))
		})
	}
}

// What stands before the panes.
func TestGoldenFront(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		w, h int
		keys []string
	}{
		"acquire":          {120, 40, []string{"1", "a", "u", "p"}},
		"acquire-ecb":      {120, 40, []string{"1", "G", "k", "a"}},
		"release":          {120, 40, append(append([]string{}, takeOneLock...), "r")},
		"release-foreign":  {120, 40, []string{"2", "g", "r"}},
		"copy":             {120, 40, []string{"3", "c"}},
		"move-code":        {120, 40, []string{"3", "m", "down", "enter"}},
		"push-code":        {80, 24, []string{"3", "p", "down", "enter"}},
		"quit":             {80, 24, append(append([]string{}, takeOneLock...), "q")},
		"help":             {120, 40, []string{"?"}},
		"help-80x24":       {80, 24, []string{"?"}},
		"detail-appliance": {120, 40, []string{"1", "enter"}},
		"detail-backup":    {120, 40, []string{"3", "enter"}},
		"filter":           {120, 40, []string{"3", "/", "1", "2", "3"}},
		"marks":            {120, 40, []string{"3", "g", "space", "space"}},
		"why-not":          {120, 40, []string{"1", "e"}},
		"more":             {120, 40, []string{"3", "o"}},
		"more-ecb-80x24":   {80, 24, []string{"1", "G", "k", "3", "o"}},
		"new-backup":       {120, 40, []string{"1", "g", "n"}},
		"new-backup-40x10": {40, 10, []string{"1", "g", "n"}},
		"delete":           {120, 40, []string{"3", "D", "enter"}},
		"browse":           {120, 40, []string{"3", "b", "g", "space", "space"}},
		"browse-groups":    {160, 50, []string{"3", "b", "z", "v", "g", "space", "down"}},
		"browse-80x24":     {80, 24, []string{"3", "b", "z", "v", "v", "v"}},
		"differences":      {120, 40, []string{"3", "d", "enter", "enter", "z"}},
		"jobs-parts":       {120, 40, []string{"4", "f", "g", "t", "z"}},
		"jobs-80x24":       {80, 24, []string{"4", "g", "t", "down"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.RequireEqual(t, picture(t, themed("dark", c.w, c.h), false, c.keys...))
		})
	}
}

// The wizard of migrations, in each size and once in each kind of colour. Of a session see ui/screen/migration.
func TestGoldenMigration(t *testing.T) {
	t.Parallel()
	what := []string{"3", "g", "space", "space", "M"}
	where, push := append(what[:len(what):len(what)], "enter"), append(what[:len(what):len(what)], "enter", "down", "down", "down", "enter")
	how := append(where[:len(where):len(where)], "enter", "enter")
	review := append(how[:len(how):len(how)], "enter")
	for name, c := range map[string]struct {
		w, h   int
		theme  string
		styled bool
		keys   []string
	}{
		"what": {120, 40, "dark", false, what}, "where": {120, 40, "dark", false, where}, "push": {120, 40, "dark", false, push},
		"how": {120, 40, "dark", false, how}, "review": {120, 40, "dark", false, review}, "review-160x50": {160, 50, "dark", false, review},
		"what-40x10": {40, 10, "dark", false, what}, "where-40x10": {40, 10, "dark", false, push}, "how-80x24": {80, 24, "dark", false, how},
		"review-80x24": {80, 24, "dark", false, review}, "review-40x10": {40, 10, "dark", false, review},
		"review-dark": {120, 40, "dark", true, review}, "where-light": {120, 40, "light", true, where}, "how-none": {80, 24, "none", true, how},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden.RequireEqual(t, picture(t, themed(c.theme, c.w, c.h), c.styled, c.keys...))
		})
	}
}
