package lxca

import (
	"html"
	"regexp"
	"slices"
	"strings"

	"holdfast/appliance"
)

// Limits of the texts of one job (faults.md JOB-12).
const (
	maxNesting = 16 // of formatted text, and of jobs within jobs
	maxLines   = 64
)

// tag is one HTML tag of the kinds that the appliances put into messages (api/lxca.md 6 #10). Other angle brackets stay.
var tag = regexp.MustCompile(`(?i)</?(a|b|br|code|div|em|font|i|li|ol|p|pre|span|strong|u|ul)(\s[^<>]*)?/?>`)

// prose makes a message printable: tags are gone, and the blanks that they leave are one.
func prose(raw string) appliance.Text {
	if tag.MatchString(raw) {
		raw = html.UnescapeString(tag.ReplaceAllString(raw, " "))
	}
	return appliance.Words(strings.Join(strings.Fields(raw), " "))
}

// flat is a text that may be nested (api/lxca.md 4.2), on one line.
func flat(v value) string { return strings.Join(lines(v), " ") }

// lines flattens formatted text: strings, lists of nodes, and nodes whose text is a string or again a list of nodes. The
// links of nodes are left out. What lies deeper than maxNesting is told by an ellipsis, what is longer than maxLines is
// cut.
func lines(v value) []string {
	f := flattener{}
	f.add(v, 0)
	f.end()
	return f.done
}

// flattener collects the lines of one formatted text.
type flattener struct {
	done []string
	open strings.Builder
}

// end closes the current line.
func (f *flattener) end() {
	if line := strings.TrimSpace(f.open.String()); line != "" && len(f.done) < maxLines {
		f.done = append(f.done, line)
	}
	f.open.Reset()
}

// add appends one node.
func (f *flattener) add(v value, depth int) {
	if depth > maxNesting {
		f.open.WriteString(" … ")
		return
	}
	if len(f.done) >= maxLines || f.open.Len() > appliance.MessageLimit {
		return
	}
	switch v.kind {
	case text, number:
		f.open.WriteString(v.text)
	case list:
		for _, k := range v.kids {
			f.add(k.value, depth+1)
		}
	case object:
		f.node(v, depth)
	}
}

// node appends a node of formatted text, or a message with its explanation and recovery on lines of their own.
func (f *flattener) node(v value, depth int) {
	apart := slices.ContainsFunc(v.get("format").kids, func(k member) bool { return breaks(k.word()) })
	if apart {
		f.end()
	}
	f.add(v.get("text"), depth+1)
	for _, key := range []string{"description", "explanation", "recovery", "userAction"} {
		if more := v.get(key); more.kind != absent {
			f.end()
			f.add(more, depth+1)
		}
	}
	if apart || v.has("id") {
		f.end()
	}
}

// breaks reports whether a format stands on lines of its own.
func breaks(format string) bool {
	switch strings.ToLower(format) {
	case "newline", "paragraph", "quotation", "orderedlist", "bulletlist", "listelement":
		return true
	default:
		return false
	}
}
