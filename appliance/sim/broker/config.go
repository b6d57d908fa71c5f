package broker

import "slices"

// configuration is the three copies of api/ecb.md 5. A slice of elements is never changed in place, so that copies are
// plain assignments.
type configuration struct {
	editing []element // volatile, being changed, shared by everybody
	saved   []element // stored, not in use
	running []element // in use
}

// element is one object of the configuration.
type element struct {
	kind  string // elementType
	attrs []attribute
}

type attribute struct {
	name   string
	values []string
}

// keyOf is the attribute that tells elements of one type apart, and whether the release has that type at all: an ECB
// 3.2 has these three (api/ecb.md 5.4).
func keyOf(kind string) (string, bool) {
	switch kind {
	case "session-agent":
		return "hostname", true
	case "session-group":
		return "group-name", true
	case "user-number":
		return "number", true
	}
	return "", false
}

// kinds are the types of elements that the release has, sorted.
var kinds = []string{"session-agent", "session-group", "user-number"}

func (e element) values(name string) []string {
	for _, at := range e.attrs {
		if at.name == name {
			return at.values
		}
	}
	return nil
}

// key is the value of the element's key attribute, empty when it has none.
func (e element) key() string {
	name, _ := keyOf(e.kind)
	if v := e.values(name); len(v) == 1 {
		return v[0]
	}
	return ""
}

func (e element) String() string { return e.kind + " " + e.key() }

// with is the element after the attributes of change were set on it.
func (e element) with(change element) element {
	out := element{kind: e.kind, attrs: slices.Clone(e.attrs)}
	for _, at := range change.attrs {
		i := slices.IndexFunc(out.attrs, func(o attribute) bool { return o.name == at.name })
		if i < 0 {
			out.attrs = append(out.attrs, at)
		} else {
			out.attrs[i] = at
		}
	}
	return out
}

func (e element) node() node {
	n := group("configElement", leaf("elementType", e.kind))
	for _, at := range e.attrs {
		an := group("attribute", leaf("name", at.name))
		for _, v := range at.values {
			an.kids = append(an.kids, leaf("value", v))
		}
		n.kids = append(n.kids, an)
	}
	return n
}

// indexOf finds the element of this type and key, or -1.
func indexOf(elements []element, kind, key string) int {
	return slices.IndexFunc(elements, func(e element) bool { return e.kind == kind && e.key() == key })
}

// flaw is something that verify objects to.
type flaw struct{ object, field, text string }

// verify finds destinations of session groups that no session agent has: the one rule that this simulator knows.
func verify(elements []element) []flaw {
	var flaws []flaw
	for _, e := range elements {
		if e.kind != "session-group" {
			continue
		}
		for _, dest := range e.values("dest") {
			if indexOf(elements, "session-agent", dest) < 0 {
				flaws = append(flaws, flaw{object: e.String(), field: "dest", text: "destination " + dest + " is not configured"})
			}
		}
	}
	return flaws
}

func initialElements() []element {
	one := func(kind string, attrs ...attribute) element { return element{kind: kind, attrs: attrs} }
	at := func(name string, values ...string) attribute { return attribute{name: name, values: values} }
	return []element{
		one("session-agent", at("hostname", "a.example.net"), at("ip-address", "192.0.2.21"), at("state", "enabled")),
		one("session-agent", at("hostname", "b.example.net"), at("ip-address", "192.0.2.22"), at("state", "enabled")),
		one("session-group", at("group-name", "sg-lab"), at("dest", "a.example.net", "b.example.net")),
		one("user-number", at("number", "+15550100"), at("agent", "a.example.net")),
		one("user-number", at("number", "+15550101"), at("agent", "b.example.net")),
	}
}
