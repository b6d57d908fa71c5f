package keymap

import (
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
)

// A key that a terminal can send is meant as it stands; what cannot come is not, and where it is clear what was meant that is said.
func TestMeant(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"a", "A", "é", "e\u0301", "日", "1", "+", "?", "space", "enter", "f12", "f63", "shift+tab", "shift+f5", "shift+space", "ctrl+a", "ctrl++",
		"alt+a", "alt+shift+a", "ctrl+alt+shift+up", "ctrl+1", "super+k",
	} {
		if got := Meant(key); got != key {
			t.Errorf("%q is taken for %q", key, got)
		}
	}
	for key, want := range map[string]string{
		"ctlr+x": "", "enterr": "", "f99": "", "f0": "", "ab": "", "": "", "ctrl+": "", "+a": "", "ctrl": "", "leftctrl": "", "shift+1": "",
		" ": "space", "Ctrl+A": "ctrl+a", "ctrl+A": "ctrl+a", "alt+A": "alt+shift+a", "shift+a": "A", "shift+A": "A", "Enter": "enter",
		"alt+ctrl+a": "ctrl+alt+a", "ctrl+ctrl+a": "ctrl+a", "escape": "esc", "PageUp": "pgup", "Return": "enter", "Del": "delete",
		"ctrl+ ": "ctrl+space", "F5": "f5",
	} {
		if got := Meant(key); got != want {
			t.Errorf("%q is taken for %q, want %q", key, got, want)
		}
	}
	for _, name := range KeyNames() {
		if Meant(name) != name {
			t.Errorf("%q is proposed and means %q", name, Meant(name))
		}
	}
	for _, b := range Default() {
		for _, key := range b.Keys {
			if Meant(key) != key {
				t.Errorf("%s has %q, which means %q", b.Action, key, Meant(key))
			}
		}
	}
}

// The names are those of Bubble Tea: each of its keys has one of ours, and each of ours is one of its keys, but for the keys that
// only hold or lock others.
func TestNamesAreThoseOfBubbleTea(t *testing.T) {
	t.Parallel()
	codes := []rune{tea.KeyTab, tea.KeyEnter, tea.KeyEscape, tea.KeySpace, tea.KeyBackspace}
	for code := tea.KeyExtended + 1; code <= tea.KeyIsoLevel5Shift; code++ {
		codes = append(codes, code)
	}
	var theirs []string
	for _, code := range codes {
		name := tea.KeyPressMsg{Code: code}.String()
		theirs = append(theirs, name)
		holds := strings.HasPrefix(name, "left") && name != "left" || strings.HasPrefix(name, "right") && name != "right" ||
			strings.HasPrefix(name, "isolevel") || strings.HasSuffix(name, "lock")
		if want := !holds; (Meant(name) == name) != want {
			t.Errorf("%q means %q", name, Meant(name))
		}
	}
	for _, name := range named() {
		if !slices.Contains(theirs, name) {
			t.Errorf("Bubble Tea has no key %q", name)
		}
	}
	for _, k := range []tea.KeyPressMsg{
		{Code: 'a', Mod: tea.ModCtrl}, {Code: 'a', Mod: tea.ModAlt | tea.ModShift}, {Code: tea.KeySpace, Text: " "}, {Code: 'a', Text: "A", Mod: tea.ModShift},
		{Code: tea.KeyF5, Mod: tea.ModCtrl | tea.ModAlt | tea.ModShift | tea.ModMeta | tea.ModHyper | tea.ModSuper},
	} {
		if Meant(k.String()) != k.String() {
			t.Errorf("%q comes from a terminal and is taken for %q", k, Meant(k.String()))
		}
	}
}
