package config

import (
	"errors"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// decode reads TOML. Its errors have the place at which the file stops being TOML.
func decode(name string, data []byte) (map[string]any, error) {
	var root map[string]any
	err := toml.Unmarshal(data, &root)
	if err == nil {
		return root, nil
	}
	p := Problem{File: name, Text: "not valid TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		p.At.Line, p.At.Column = at.Position()
	}
	return nil, &Error{Problems: []Problem{p}}
}

// path leads to a value: keys, and for an element of an array its index as #0.
type path []string

func (p path) with(key string) path { return append(p[:len(p):len(p)], key) }

func (p path) element(i int) path { return p.with("#" + strconv.Itoa(i)) }

// id is the path as a map key. A zero byte can be in no TOML key of ours, and if it is, only a position is wrong.
func (p path) id() string { return strings.Join(p, "\x00") }

// places tells where each key, table header and array element of a file stands.
type places struct {
	lines  []int // offset of the beginning of each line
	at     map[string]Position
	arrays map[string]int // how many elements of each array of tables there are so far
}

// locate finds the places of all keys in data, which must be valid TOML.
func locate(data []byte) *places {
	l := &places{lines: []int{0}, at: map[string]Position{}, arrays: map[string]int{}}
	for i, b := range data {
		if b == '\n' {
			l.lines = append(l.lines, i+1)
		}
	}
	var p unstable.Parser
	p.Reset(data)
	var table path
	for p.NextExpression() {
		switch n := p.Expression(); n.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = l.header(n)
		case unstable.KeyValue:
			l.keyValue(table, n)
		}
	}
	return l
}

// of is the place of the value at p, or of the nearest table around it.
func (l *places) of(p path) Position {
	for ; len(p) > 0; p = p[:len(p)-1] {
		if at, ok := l.at[p.id()]; ok {
			return at
		}
	}
	return Position{Line: 1, Column: 1}
}

// header notes a [table] or [[table]] and returns its path. A name that is an array stands for its last element.
func (l *places) header(n *unstable.Node) path {
	var p path
	keys := n.Key()
	for keys.Next() {
		k := keys.Node()
		p = p.with(string(k.Data))
		if n.Kind == unstable.ArrayTable && keys.IsLast() {
			l.arrays[p.id()]++
		}
		if count := l.arrays[p.id()]; count > 0 {
			p = p.element(count - 1)
		}
		l.note(p, k)
	}
	return p
}

func (l *places) keyValue(table path, n *unstable.Node) {
	p := table
	keys := n.Key()
	for keys.Next() {
		p = p.with(string(keys.Node().Data))
		l.note(p, keys.Node())
	}
	l.value(p, n.Value())
}

// value notes what is inside an inline table or an array.
func (l *places) value(p path, n *unstable.Node) {
	children := n.Children()
	switch n.Kind {
	case unstable.InlineTable:
		for children.Next() {
			l.keyValue(p, children.Node())
		}
	case unstable.Array:
		for i := 0; children.Next(); i++ {
			if children.Node().Raw.Length > 0 {
				l.note(p.element(i), children.Node())
			}
			l.value(p.element(i), children.Node())
		}
	}
}

// note keeps the first place of p.
func (l *places) note(p path, n *unstable.Node) {
	if _, ok := l.at[p.id()]; ok {
		return
	}
	offset := int(n.Raw.Offset)
	line := sort.SearchInts(l.lines, offset+1)
	l.at[p.id()] = Position{Line: line, Column: offset - l.lines[line-1] + 1}
}
