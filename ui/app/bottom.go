package app

import (
	"slices"
	"strings"

	"holdfast/appliance/fleet"
	"holdfast/ui/keymap"
	screen "holdfast/ui/screen/migration"
	"holdfast/ui/theme"
	"holdfast/ui/widget"
)

// keys is the line of keys as it was last made, and what it was made for: asking what can be done now looks through
// what the fleet knows, which no drawing should do again while nothing has changed.
type keys struct {
	line     string
	focus    int
	versions [panes]int
	seen     *fleet.Snapshot
	width    int
	theme    *theme.Theme
	step     int64
}

// keyLine is what can be pressed, as much as fits.
func (m *Model) keyLine(f widget.Frame) string {
	k := keys{line: m.keys.line, focus: m.focus, seen: m.snapshot(m.at()), width: m.width, theme: m.theme,
		step: int64(f.Now.Run / slowTick)}
	for p := range m.panes {
		k.versions[p] = m.panes[p].Version()
	}
	if k != m.keys {
		k.line = m.drawKeys(f)
		m.keys = k
	}
	return m.keys.line
}

// migrationKeys is what can be pressed on the screen of migrations, as much as fits.
func (m *Model) migrationKeys(f widget.Frame) string {
	var list []screen.Offer
	if m.migrating.wizard != nil {
		list = m.migrating.wizard.Offers()
	} else {
		list = m.migrating.session.Offers()
	}
	line := " "
	for _, x := range list {
		o := offer{key: x.Key, word: x.Word}
		if x.Action != "" {
			o.key = m.opts.Keys.Of(x.Action).Key(m.opts.ASCII)
		}
		if o.key != "" && widget.Width(line)+o.width() <= m.width {
			line += f.Theme.Paint(theme.Key, o.key) + " " + f.Theme.Paint(theme.Dim, o.word) + "  "
		}
	}
	return widget.Fit(line, m.width, false, "")
}

// offer is a key on the bottom line.
type offer struct {
	key, word string
	rank      int
}

// Ranks of offers: what fits the row under the cursor comes first, what cannot be done now comes last and is dim.
const (
	forRow = iota
	forAppliance
	notNow
)

// drawKeys makes the line of keys; help and quit always fit.
func (m *Model) drawKeys(f widget.Frame) string {
	always := []offer{}
	for _, a := range []keymap.Action{keymap.Filter, keymap.Zoom, keymap.Help, keymap.Quit} {
		b := m.opts.Keys.Of(a)
		if key := b.Key(m.opts.ASCII); key != "" {
			always = append(always, offer{key: key, word: b.Short})
		}
	}
	offers := m.offers()
	for most := 2; len(always) > most && width(always)+width(offers[:min(len(offers), most)])+1 > m.width; {
		always = always[1:]
	}
	var line strings.Builder
	line.WriteString(" ")
	used := 1
	write := func(o offer) {
		role := theme.Key
		if o.rank == notNow {
			role = theme.Off
		}
		line.WriteString(f.Theme.Paint(role, o.key) + " " + f.Theme.Paint(theme.Dim, o.word) + "  ")
		used += o.width()
	}
	rest := width(always)
	for _, o := range offers {
		if used+o.width()+rest > m.width {
			break
		}
		write(o)
	}
	for _, o := range always {
		if used+o.width() <= m.width {
			write(o)
		}
	}
	return line.String() + widget.Pad(m.width-used)
}

// offers are the keys of all acts, in the order in which they help with the row under the cursor.
func (m *Model) offers() []offer {
	var offers []offer
	for _, b := range m.opts.Keys.Bindings() {
		key := b.Key(m.opts.ASCII)
		if key == "" || b.Short == "" || b.Group != keymap.Acts {
			continue
		}
		o := offer{key: key, word: m.word(b), rank: forRow}
		switch {
		case m.whyNot(b.Action) != "":
			o.rank = notNow
		case b.Action == keymap.Acquire, b.Action == keymap.Release && !m.onOurs(), m.beside(b.Action):
			o.rank = forAppliance
		case m.focus != paneBackups && slices.Contains([]keymap.Action{keymap.Create, keymap.Migrate, keymap.More}, b.Action):
			o.rank = forAppliance
		}
		offers = append(offers, o)
	}
	slices.SortStableFunc(offers, func(a, b offer) int { return a.rank - b.rank })
	return offers
}

// beside reports whether an act is about the appliance's backups while the cursor is elsewhere.
func (m *Model) beside(a keymap.Action) bool {
	return m.focus != paneBackups && (a == keymap.Create || a == keymap.Migrate || a == keymap.More)
}

// onOurs reports whether the cursor stands on a lock of ours.
func (m *Model) onOurs() bool {
	r, ok := m.lockRow()
	return ok && r.Mine
}

// word is what a key does to the row under the cursor: some take back there what they did before.
func (m *Model) word(b keymap.Binding) string {
	switch r, ok := m.lockRow(); {
	case b.Action == keymap.Keep && ok && r.Kept:
		return "stop keeping"
	case b.Action == keymap.Wait && m.waited() != "":
		return "stop waiting"
	}
	return b.Short
}

func (o offer) width() int { return widget.Width(o.key) + 1 + widget.Width(o.word) + 2 }

func width(offers []offer) int {
	w := 0
	for _, o := range offers {
		w += o.width()
	}
	return w
}
