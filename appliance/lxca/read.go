package lxca

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance"
)

// get is the first member whose key is one of names, without regard to case, in the order of names. Members that are
// null count as not there.
func (v value) get(names ...string) value {
	if v.kind != object {
		return value{}
	}
	for _, name := range names {
		for i := range v.kids {
			m := &v.kids[i]
			if len(m.key) == len(name) && m.kind != null && strings.EqualFold(m.key, name) {
				return m.value
			}
		}
	}
	return value{}
}

// has reports whether one of names is a key, whatever its value.
func (v value) has(names ...string) bool {
	return v.kind == object && slices.ContainsFunc(v.kids, func(m member) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(m.key, name) })
	})
}

// word is the content of a string, number or boolean, without blanks around it; otherwise empty.
func (v value) word() string {
	switch v.kind {
	case text, number, boolean:
		return strings.TrimSpace(v.text)
	default:
		return ""
	}
}

// label is word as a short printable text.
func (v value) label() appliance.Text { return appliance.Label(v.word()) }

// float is a number that is written as a number or as a string (api/lxca.md 6 #2, #4). Only finite numbers are true.
func (v value) float() (float64, bool) {
	f, err := strconv.ParseFloat(v.word(), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || v.kind == boolean {
		return 0, false
	}
	return f, true
}

// count is a whole number of zero or more that fits 63 bits, written as a number or as a string.
func (v value) count() (int64, bool) {
	if v.kind == boolean {
		return 0, false
	}
	if n, err := strconv.ParseInt(v.word(), 10, 64); err == nil {
		return n, n >= 0
	}
	f, ok := v.float()
	if !ok || f < 0 || f >= math.MaxInt64 || f != math.Trunc(f) {
		return 0, false
	}
	return int64(f), true
}

// flag is a boolean that is written as a boolean or as a string (api/lxca.md 6 #3). The second result is false for
// anything else.
func (v value) flag() (is, ok bool) {
	switch strings.ToLower(v.word()) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

// id is a name that is written as a string or as a whole number, of any length (api/lxca.md 6 #1, #20).
func (v value) id() string {
	n, whole := v.count()
	switch {
	case v.kind == text:
		return v.text
	case v.kind == number && whole && strings.ContainsAny(v.text, ".eE"):
		return strconv.FormatInt(n, 10)
	case v.kind == number:
		return v.text
	default:
		return ""
	}
}

// shown is a value for people: words as they are, lists separated by commas, objects as JSON.
func (v value) shown() appliance.Text {
	switch v.kind {
	case text, number, boolean:
		return appliance.Words(v.text)
	case list:
		parts := make([]string, 0, len(v.kids))
		for _, k := range v.kids {
			if k.kind == list || k.kind == object {
				return source(v)
			}
			parts = append(parts, k.text)
		}
		return appliance.Words(strings.Join(parts, ", "))
	default:
		return source(v)
	}
}

// source is the JSON source of a value, in memory of its own: a piece of the document would keep all of it alive.
func source(v value) appliance.Text {
	if len(v.text) > appliance.MessageLimit {
		return appliance.Words(v.text) // cut, and so copied
	}
	return appliance.Words(strings.Clone(v.text))
}

// raw is the JSON source of a list or an object.
func (v value) raw() appliance.Raw { return appliance.RawAnswer([]byte(v.text)) }

// maxFields is how many attributes of one record are kept.
const maxFields = 500

// fields are the members of an object in order of key, except those whose key is in without. Of more than maxFields the
// first are kept, and a last one says so.
func (v value) fields(without ...string) []appliance.Field {
	fields := make([]appliance.Field, 0, min(len(v.kids), maxFields+1))
	more := false
	for _, m := range v.kids {
		switch {
		case isKey(without, m.key):
			continue
		case len(fields) == maxFields:
			more = true
			continue
		}
		fields = append(fields, appliance.Field{Key: appliance.Label(m.key), Value: m.shown()})
	}
	sortFields(fields)
	return withMore(fields, more)
}

// withMore says in a last field that there were more.
func withMore(fields []appliance.Field, more bool) []appliance.Field {
	if !more {
		return fields
	}
	return append(fields, appliance.Field{Key: appliance.Label("…"), Value: appliance.Label(moreFields)})
}

// moreFields stands where fields were left out.
const moreFields = "more attributes than are kept here; the raw answer has them all"

// isKey reports whether key is one of names, without regard to case.
func isKey(names []string, key string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, key) })
}

// sortFields orders by key; fields of the same key keep their order.
func sortFields(fields []appliance.Field) {
	slices.SortStableFunc(fields, func(a, b appliance.Field) int { return strings.Compare(a.Key.String(), b.Key.String()) })
}

// seconds is a lifetime in whole seconds; 0 when it is none or longer than any that an appliance can mean.
func (v value) seconds() time.Duration {
	n, ok := v.count()
	if !ok || n > math.MaxInt64/int64(time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}
