package broker

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// node is one element of an answer: text, or children, or nothing.
type node struct {
	name string
	text string
	kids []node
}

func leaf(name, text string) node          { return node{name: name, text: text} }
func group(name string, kids ...node) node { return node{name: name, kids: kids} }

func (n node) render(b *bytes.Buffer) {
	if n.text == "" && len(n.kids) == 0 {
		b.WriteString("<" + n.name + "/>")
		return
	}
	b.WriteString("<" + n.name + ">")
	_ = xml.EscapeText(b, []byte(n.text)) // a bytes.Buffer does not fail
	for _, k := range n.kids {
		k.render(b)
	}
	b.WriteString("</" + n.name + ">")
}

// wellFormed reports why a body is not one XML document, or nil.
func wellFormed(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	depth, roots := 0, 0
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(t)) != "" {
				return errors.New("text outside the root element")
			}
		}
	}
	if roots != 1 {
		return errors.New("not exactly one root element")
	}
	return nil
}
