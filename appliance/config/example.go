package config

import (
	"strings"
	"unicode/utf8"
)

const exampleHead = `Holdfast: every setting there is.

A line such as "# theme = ..." shows a setting with its default: take the "# " away to change it. ` +
	`Times are written as "10s", "5m", "1h30m" or "8d". Paths may begin with ~/; others count from the folder of ` +
	`this file.

This file holds no secret, it only says where each comes from. Others may read it, but nobody but you may ` +
	`change it (chmod go-w).

     holdfast config check    reads it and says what is wrong and where
     holdfast demo            needs none of this`

// Example is a file that documents every setting with its default, and loads as it stands.
func Example() string {
	var e example
	c := defaults()
	top := general()
	e.comment(exampleHead)
	e.blank()
	exampleSection(&e, top, &c, nil)
	exampleSection(&e, top.tables["log"], &c, nil)
	exampleSection(&e, top.tables["warn"], &c, nil)
	e.header("[keys]", keysDoc)
	e.line("#     " + keysSample)
	e.blank()
	exampleSection(&e, shared(), &c.Defaults, nil)
	exampleSection(&e, intervals(), &c.Defaults, nil)
	one := section[Appliance]{name: "[[appliance]]", settings: own(),
		doc: "An appliance, here an LXCA: one [[appliance]] for each. name, kind, url and user must be there."}
	exampleSection(&e, one, &c.Defaults, map[string]string{
		"name": `"dc1-lxca"`, "kind": `"lxca"`, "url": `"https://lxca.example.net"`,
	})
	e.comment("From here on: what differs from [defaults].")
	e.line(`user = "holdfast"`)
	e.line(`password_prompt = true`)
	e.line(`mount_points = ["/mnt/my_remote_share"]`)
	e.blank()
	e.header("[[appliance]]", "And an ECB. Other appliances follow in the same way.")
	e.line(`name = "edge-ecb"`)
	e.line(`kind = "ecb"`)
	e.line(`url = "https://ecb.example.net:8443"`)
	e.line(`user = "admin"`)
	e.line(`password_prompt = true`)
	return e.String()
}

// example is a TOML file that is being written.
type example struct{ strings.Builder }

func (e *example) line(s string) { e.WriteString(s + "\n") }

func (e *example) blank() { e.line("") }

// comment writes paragraphs, one a line of s, behind number signs. What is not indented is wrapped.
func (e *example) comment(s string) {
	const wide = 98
	for paragraph := range strings.SplitSeq(s, "\n") {
		if strings.HasPrefix(paragraph, "    ") {
			e.line("#" + paragraph)
			continue
		}
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > wide {
				e.line("#" + line)
				line = ""
			}
			line += " " + word
		}
		e.line("#" + line)
	}
}

func (e *example) header(name, doc string) {
	e.comment(doc)
	e.line(name)
}

// exampleSection writes a table: what is in values as it is there, all else as a default.
func exampleSection[T any](e *example, s section[T], t *T, values map[string]string) {
	if s.name != "" {
		e.header(s.name, s.doc)
		e.blank()
	}
	for _, x := range s.settings {
		line := "# " + x.key + " = " + x.show(t)
		if v, ok := values[x.key]; ok {
			line = x.key + " = " + v
		}
		if s.short {
			const docsAt = 24
			e.line(line + strings.Repeat(" ", max(1, docsAt-len(line))) + "# " + x.doc)
			continue
		}
		e.comment(x.doc)
		e.line(line)
		e.blank()
	}
	if s.short {
		e.blank()
	}
}
