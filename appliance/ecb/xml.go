package ecb

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// node is one element of a document: its local name, its own text, its child elements. Attributes and name spaces carry
// nothing in this API and are dropped.
type node struct {
	name string
	text string
	kids []*node
}

// limits bound one document (faults.md DAT-02, NET-04).
type limits struct {
	depth int
	nodes int
	name  int // bytes of an element's name
	bytes int
	time  time.Duration
}

var documentLimits = limits{depth: 64, nodes: 200_000, name: 256, bytes: 8 << 20, time: time.Second}

// parse reads one whole document. It fails on anything that is not exactly one well-formed element within the limits:
// a document type (DAT-01), a foreign character set (DAT-03), anything behind the root (NET-07). On an error there is
// no partial result (NET-05).
func parse(doc []byte, lim limits) (*node, error) {
	if len(doc) > lim.bytes {
		return nil, fmt.Errorf("a document of %d bytes is over the limit of %d", len(doc), lim.bytes)
	}
	dec := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(doc, []byte("\xef\xbb\xbf"))))
	dec.CharsetReader = charsetReader
	t := tree{lim: lim, began: time.Now()}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := t.take(token); err != nil {
			return nil, err
		}
	}
	if t.root == nil {
		return nil, errors.New("no element in it")
	}
	return t.root, nil
}

// tree grows as tokens come. The decoder itself checks that start and end tags match.
type tree struct {
	lim   limits
	began time.Time
	count int
	root  *node
	open  []*node
	words [][]byte // the text so far of each open element
}

func (t *tree) take(token xml.Token) error {
	switch token := token.(type) {
	case xml.StartElement:
		return t.start(token.Name.Local)
	case xml.EndElement:
		last := len(t.open) - 1
		t.open[last].text = string(bytes.TrimSpace(t.words[last]))
		t.open, t.words = t.open[:last], t.words[:last]
	case xml.CharData:
		if len(t.open) > 0 {
			t.words[len(t.words)-1] = append(t.words[len(t.words)-1], token...)
		} else if len(bytes.TrimSpace(token)) > 0 {
			return errors.New("text outside of the document's element")
		}
	case xml.Directive:
		return errors.New("a document type declaration is not accepted")
	}
	return nil
}

func (t *tree) start(name string) error {
	n := &node{name: name}
	t.count++
	switch {
	case len(name) > t.lim.name:
		return fmt.Errorf("an element's name is longer than %d", t.lim.name)
	case t.root == nil:
		t.root = n
	case len(t.open) == 0:
		return errors.New("a second document behind the first")
	case len(t.open) >= t.lim.depth:
		return fmt.Errorf("elements nested deeper than %d", t.lim.depth)
	case t.count > t.lim.nodes:
		return fmt.Errorf("more than %d elements", t.lim.nodes)
	case t.count%1024 == 0 && time.Since(t.began) > t.lim.time:
		return fmt.Errorf("reading it takes longer than %v", t.lim.time)
	default:
		parent := t.open[len(t.open)-1]
		parent.kids = append(parent.kids, n)
	}
	t.open = append(t.open, n)
	t.words = append(t.words, nil)
	return nil
}

// charsetReader is asked for every declared character set but UTF-8.
func charsetReader(charset string, in io.Reader) (io.Reader, error) {
	top, ok := topByte[strings.ToLower(charset)]
	if !ok || top == 0 {
		return nil, fmt.Errorf("character set %q is not accepted: only UTF-8, US-ASCII and ISO-8859-1", charset)
	}
	return &singleBytes{in: in, top: top, charset: charset}, nil
}

// topByte tells the character sets that are read and, where a byte is a rune, the highest byte (faults.md DAT-03).
var topByte = map[string]byte{"utf-8": 0, "us-ascii": 0x7f, "ascii": 0x7f, "iso-8859-1": 0xff}

// accepted reports whether a character set is one that is read.
func accepted(charset string) bool {
	_, ok := topByte[strings.ToLower(charset)]
	return ok
}

// singleBytes turns a character set whose bytes are the first code points of Unicode into UTF-8.
type singleBytes struct {
	in      io.Reader
	top     byte
	charset string
	rest    []byte
}

func (s *singleBytes) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		var chunk [512]byte
		n, err := s.in.Read(chunk[:])
		for _, b := range chunk[:n] {
			if b > s.top {
				return 0, fmt.Errorf("byte %#x is not %s", b, s.charset)
			}
			s.rest = append(s.rest, string(rune(b))...)
		}
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// child is the first child element of that name, or nil; a nil node has none.
func (n *node) child(name string) *node {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// word is the text of the first child of one of these names that has any.
func (n *node) word(names ...string) string {
	for _, name := range names {
		if k := n.child(name); k != nil && k.text != "" {
			return k.text
		}
	}
	return ""
}

// walk calls f for n and everything below it, parents first, with the names on the way from below n. The slice is only
// good during the call.
func (n *node) walk(f func(path []string, n *node)) {
	if n != nil {
		n.walkFrom(nil, f)
	}
}

func (n *node) walkFrom(path []string, f func([]string, *node)) {
	f(path, n)
	for _, k := range n.kids {
		k.walkFrom(append(path, k.name), f)
	}
}

// leaf reports whether n has no child elements.
func (n *node) leaf() bool { return len(n.kids) == 0 }
