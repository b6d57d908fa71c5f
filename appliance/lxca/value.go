package lxca

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/appliance"
)

// Limits of one JSON document (faults.md NET-04, DAT-02). The number of values bounds the memory that a document of
// nothing but brackets can cost; an answer of named attributes reaches the limit of bytes first.
const (
	maxDepth  = 64
	maxRows   = 100_000
	maxValues = 1 << 20

	documentTime = time.Second // for reading it
)

// kind is the JSON type of a value.
type kind uint8

const (
	absent kind = iota // there is no such value: what get returns for a key that is not there
	null
	boolean
	number
	text
	list
	object
)

// String is the kind for error messages.
func (k kind) String() string {
	return [...]string{"nothing", "null", "a boolean", "a number", "a string", "a list", "an object"}[k]
}

// value is any JSON value. The appliances spell the same thing in many ways (api/lxca.md 5 and 6), so answers are read
// into values first and the readers pick what they understand.
type value struct {
	kind kind
	// text is the content of a string, a number or boolean as written, and the JSON source of a list or an object.
	text string
	kids []member // the elements of a list, which have no key, or the members of an object, in their order
}

// member is one member of an object or one element of a list.
type member struct {
	key string
	value
}

// parse reads one JSON document strictly: nothing may follow it, and no object may have two keys that differ in case
// only (faults.md NET-07, DAT-04). Its errors wrap appliance.ErrMalformed or appliance.ErrTooLarge.
//
// Package json says whether the body is JSON at all; what is left is to cut it up, which costs a quarter of what its
// tokens do. Reading ends with an error once it takes longer than limit.
func parse(body []byte, limit time.Duration) (value, error) {
	began := time.Now()
	if !json.Valid(body) {
		return value{}, malformed("no JSON document, %s", whyInvalid(body))
	}
	p := parser{doc: string(body), began: began, limit: limit, keys: map[string]keyName{}, folded: map[string]int{}}
	return p.value(0)
}

// whyInvalid tells where a body stops being JSON. The message of package json is not passed on, as it quotes the body.
func whyInvalid(body []byte) string {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(body, new(json.RawMessage)); errors.As(err, &syntax) && syntax.Offset < int64(len(body)) {
		return fmt.Sprintf("wrong at byte %d", syntax.Offset)
	}
	return "cut short"
}

// parser cuts up a document that is known to be valid JSON.
type parser struct {
	doc    string
	began  time.Time
	limit  time.Duration
	at     int // how far it is read
	values int
	keys   map[string]keyName // each spelling seen so far, so that a listing of many rows holds each key once
	folded map[string]int     // the number of each key without regard to case
	seen   []int              // by that number: the object that had the key last
	object int                // number of the object that is being checked
}

// keyName is one spelling of a key.
type keyName struct {
	key    string
	number int
}

// value reads the next value.
func (p *parser) value(depth int) (value, error) {
	if p.values++; p.values > maxValues {
		return value{}, fmt.Errorf("%w: more than %d JSON values", appliance.ErrTooLarge, maxValues)
	}
	if p.values%1024 == 0 && time.Since(p.began) > p.limit {
		return value{}, fmt.Errorf("%w: reading it takes longer than %s", appliance.ErrTooLarge, p.limit)
	}
	start := p.next()
	switch p.doc[start] {
	case '{':
		return p.container(object, '}', depth)
	case '[':
		return p.container(list, ']', depth)
	case '"':
		return value{kind: text, text: p.content()}, nil
	case 'n':
		p.at += len("null")
		return value{kind: null}, nil
	case 't':
		p.at += len("true")
		return value{kind: boolean, text: "true"}, nil
	case 'f':
		p.at += len("false")
		return value{kind: boolean, text: "false"}, nil
	default:
		rest := p.doc[start:]
		if end := strings.IndexAny(rest, ",]} \t\r\n"); end >= 0 {
			rest = rest[:end]
		}
		p.at += len(rest)
		return value{kind: number, text: strings.Clone(rest)}, nil
	}
}

// next skips blanks and returns where the next thing begins.
func (p *parser) next() int {
	for p.at < len(p.doc) && strings.IndexByte(" \t\r\n", p.doc[p.at]) >= 0 {
		p.at++
	}
	return p.at
}

// container reads a list or an object up to its closing bracket.
func (p *parser) container(k kind, closing byte, depth int) (value, error) {
	if depth == maxDepth {
		return value{}, malformed("JSON nested deeper than %d", maxDepth)
	}
	v, start := value{kind: k}, p.at
	p.at++
	for p.doc[p.next()] != closing {
		if len(v.kids) == maxRows {
			return value{}, fmt.Errorf("%w: more than %d rows", appliance.ErrTooLarge, maxRows)
		}
		if len(v.kids) > 0 {
			p.at++ // a comma
			p.next()
		}
		var m member
		var err error
		if k == object {
			m.key = p.name(p.content()).key
			p.next()
			p.at++ // a colon
		}
		if m.value, err = p.value(depth + 1); err != nil {
			return value{}, err
		}
		v.kids = append(v.kids, m)
	}
	p.at++
	v.text = p.doc[start:p.at]
	if k == object {
		return v, p.unique(v.kids)
	}
	return v, nil
}

// content reads a string. It is copied, as a piece of the document would keep all of it alive.
func (p *parser) content() string {
	start, escaped := p.at, false
	for p.at++; p.doc[p.at] != '"'; p.at++ {
		if p.doc[p.at] == '\\' {
			escaped = true
			p.at++
		}
	}
	p.at++
	inside := p.doc[start+1 : p.at-1]
	if !escaped && utf8.ValidString(inside) {
		return strings.Clone(inside)
	}
	var s string
	if err := json.Unmarshal([]byte(p.doc[start:p.at]), &s); err != nil {
		panic(fmt.Sprintf("a string of valid JSON: %v", err))
	}
	return s
}

// unique refuses an object in which two keys are the same without regard to case.
func (p *parser) unique(members []member) error {
	p.object++
	for _, m := range members {
		n := p.keys[m.key].number
		if p.seen[n] == p.object {
			return malformed("two JSON keys %s in one object", appliance.Label(m.key))
		}
		p.seen[n] = p.object
	}
	return nil
}

// name returns the one copy of a key.
func (p *parser) name(key string) keyName {
	if k, ok := p.keys[key]; ok {
		return k
	}
	f := fold(key)
	n, ok := p.folded[f]
	if !ok {
		n = len(p.seen)
		p.folded[f] = n
		p.seen = append(p.seen, 0)
	}
	p.keys[key] = keyName{key: key, number: n}
	return p.keys[key]
}

// fold maps all strings that strings.EqualFold holds equal to one.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

// malformed is an error that wraps appliance.ErrMalformed.
func malformed(format string, a ...any) error {
	return fmt.Errorf("%w: %s", appliance.ErrMalformed, fmt.Sprintf(format, a...))
}
