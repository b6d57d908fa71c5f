package keymap

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// space types something and is called by a name all the same.
const space = "space"

// modifiers are written before a key, in this order.
func modifiers() []string { return []string{"ctrl", "alt", "shift", "meta", "hyper", "super"} }

// named are the keys that have a name, as Bubble Tea calls them. Those that only hold or lock others, such as leftctrl and
// capslock, are left out: a terminal tells them to a program that asks for every key, and we do not.
func named() []string {
	names := []string{
		"enter", "tab", "backspace", "esc", space, "up", "down", "left", "right", "home", "end", "pgup", "pgdown", "insert",
		"delete", "begin", "find", "select", "menu", "pause", "printscreen",
		"equal", "mul", "plus", "comma", "minus", "period", "div", "sep", // of the block of figures
		"mediaplay", "mediapause", "mediaplaypause", "mediareverse", "mediastop", "mediafastforward", "mediarewind",
		"medianext", "mediaprev", "mediarecord", "lowervol", "raisevol", "mute",
	}
	for n := 1; n <= 63; n++ {
		names = append(names, "f"+strconv.Itoa(n))
	}
	return names
}

// also is what people call a key that has another name.
func also(name string) string {
	switch name {
	case "escape":
		return "esc"
	case "return":
		return "enter"
	case "pageup", "page-up":
		return "pgup"
	case "pagedown", "page-down":
		return "pgdown"
	case "del":
		return "delete"
	case "ins":
		return "insert"
	case "spacebar", " ":
		return space
	}
	return name
}

// KeyNames are names of keys to choose from when one is mistyped: all that are words, and those with one modifier that any
// terminal can send.
func KeyNames() []string {
	names := named()
	for _, m := range []string{"ctrl+", "alt+", "shift+"} {
		for _, name := range named() {
			names = append(names, m+name)
		}
		for r := 'a'; r <= 'z' && m != "shift+"; r++ {
			names = append(names, m+string(r))
		}
	}
	return names
}

// Meant is the name by which a key comes from a terminal: the very same when it was written so, another where it is clear
// what was meant, and none where it is not. With shift alone a key comes as what it types.
func Meant(key string) string {
	held := map[string]bool{}
	base := key
	for {
		m, rest, found := strings.Cut(base, "+")
		if !found || m == "" || rest == "" {
			break
		}
		if m = strings.ToLower(m); !slices.Contains(modifiers(), m) {
			return ""
		}
		held[m], base = true, rest
	}
	if name := also(strings.ToLower(base)); slices.Contains(named(), name) {
		return with(held, name)
	}
	if !character(base) {
		return ""
	}
	lower := strings.ToLower(base)
	switch {
	case len(held) == 0:
		return base
	case len(held) == 1 && held["shift"]: // which character other keys then type is the keyboard's business
		if upper := strings.ToUpper(base); upper != lower {
			return upper
		}
		return ""
	case base != lower && !held["ctrl"]:
		held["shift"] = true
	}
	return with(held, lower)
}

// with writes modifiers before a key.
func with(held map[string]bool, key string) string {
	var words []string
	for _, m := range modifiers() {
		if held[m] {
			words = append(words, m)
		}
	}
	return strings.Join(append(words, key), "+")
}

// character reports whether s is what one key types: a visible character, perhaps with marks upon it.
func character(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return s != "" && r != utf8.RuneError && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.M, r) &&
		!strings.ContainsFunc(s[n:], func(r rune) bool { return !unicode.Is(unicode.M, r) })
}
