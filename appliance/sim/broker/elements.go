package broker

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"holdfast/appliance/sim/kit"
)

// maxPage is how many elements one GET gives at most (api/ecb.md 5.4).
const maxPage = 100

// elementBody is a configuration element as a caller sends it.
type elementBody struct {
	XMLName    xml.Name `xml:"configElement"`
	Kind       string   `xml:"elementType"`
	Attributes []struct {
		Name   string   `xml:"name"`
		Values []string `xml:"value"`
	} `xml:"attribute"`
}

// page is what a GET of elements asks for.
type page struct {
	kind, key   string
	offset, max int
	running     bool
}

// prepareElements plays GET configuration/configElements.
func (a *Appliance) prepareElements(c *call) (func() reply, *reply) {
	p := page{max: maxPage}
	var bad *reply
	if p.kind, bad = a.kindOf(c.query.Get("elementType")); bad != nil {
		return nil, bad
	}
	if bad = p.read(c.query); bad != nil {
		return nil, bad
	}
	return func() reply { return a.elementPage(c, p) }, nil
}

// prepareElementTypes plays GET configuration/elementTypes, whose body is documented nowhere.
func (a *Appliance) prepareElementTypes(*call) (func() reply, *reply) {
	return func() reply {
		var list []node
		shape := a.switches.Get(swElementTypes)
		for _, kind := range kinds {
			if shape == "type-name" {
				list = append(list, group("type", leaf("name", kind)))
			} else {
				list = append(list, leaf("elementType", kind))
			}
		}
		if shape == "absent" {
			return failure(http.StatusNotFound, "Resource not found.")
		}
		return ok(group("elementTypes", list...))
	}, nil
}

// kindOf lets through a type that the release has.
func (a *Appliance) kindOf(kind string) (string, *reply) {
	if kind == "" {
		return "", badRequest("Required parameter elementType is missing.")
	}
	if _, known := keyOf(kind); !known {
		return "", refuse(statusCode(a.switches.Get(swElementType)), "Element type is not supported.")
	}
	return kind, nil
}

func (p *page) read(query url.Values) *reply {
	key, _ := keyOf(p.kind)
	for name, values := range query {
		var err error
		switch name {
		case "elementType":
		case "offset":
			p.offset, err = strconv.Atoi(values[0])
		case "maxElements":
			p.max, err = strconv.Atoi(values[0])
		case "running":
			p.running = values[0] == "true"
			if !p.running && values[0] != "false" {
				err = strconv.ErrSyntax
			}
		case key:
			p.key = values[0]
		default:
			return badRequest("Parameter " + name + " is not a key attribute of " + p.kind + ".")
		}
		if err != nil {
			return badRequest("Parameter " + name + " is not valid.")
		}
	}
	if p.offset < 0 || p.max < 1 {
		return badRequest("Parameter offset or maxElements is not valid.")
	}
	p.max = min(p.max, maxPage)
	return nil
}

func (a *Appliance) elementPage(c *call, p page) reply {
	from := a.config.editing
	if p.running {
		from = a.config.running
	}
	var found []element
	for _, e := range from {
		if e.kind == p.kind && (p.key == "" || e.key() == p.key) {
			found = append(found, e)
		}
	}
	if p.key != "" && len(found) == 0 && a.switches.Is(swElementMissing, "404") {
		return failure(http.StatusNotFound, "Configuration element not found.")
	}
	start := min(p.offset, len(found))
	end := min(start+p.max, len(found))
	rep := ok()
	for _, e := range found[start:end] {
		rep.data = append(rep.data, e.node())
	}
	if end < len(found) {
		next := url.Values{"offset": {strconv.Itoa(end)}}
		for name, values := range c.query {
			if name != "offset" {
				next[name] = values
			}
		}
		rep.links = []string{a.link(c, "configuration/configElements", next)}
	}
	return rep
}

// readElement reads the body of a POST or PUT. It says only what is wrong with the body itself.
func (a *Appliance) readElement(c *call) (element, *reply) {
	if c.body == nil {
		return element{}, badRequest("Request body is missing.")
	}
	var body elementBody
	if err := xml.Unmarshal(c.body, &body); err != nil {
		return element{}, badRequest("Request body is not a configElement.")
	}
	kind, bad := a.kindOf(strings.TrimSpace(body.Kind))
	if bad != nil {
		return element{}, bad
	}
	e := element{kind: kind}
	for _, at := range body.Attributes {
		name := strings.TrimSpace(at.Name)
		if name == "" || e.values(name) != nil || len(at.Values) == 0 {
			return element{}, badRequest("Attribute is without a name, without a value or given twice.")
		}
		e.attrs = append(e.attrs, attribute{name, at.Values})
	}
	if e.key() == "" {
		key, _ := keyOf(kind)
		return element{}, badRequest("Key attribute " + key + " is missing.")
	}
	return e, nil
}

func (a *Appliance) prepareElementPost(c *call) (func() reply, *reply) {
	e, bad := a.readElement(c)
	if bad != nil {
		return nil, bad
	}
	return func() reply {
		if indexOf(a.config.editing, e.kind, e.key()) >= 0 {
			return failure(http.StatusBadRequest, "Configuration element already exists.")
		}
		a.edit(c, "created", e, append(slices.Clone(a.config.editing), e))
		return ok(e.node())
	}, nil
}

func (a *Appliance) prepareElementPut(c *call) (func() reply, *reply) {
	change, bad := a.readElement(c)
	if bad != nil {
		return nil, bad
	}
	return func() reply {
		i := indexOf(a.config.editing, change.kind, change.key())
		if i < 0 {
			return failure(http.StatusNotFound, "Configuration element not found.")
		}
		edited := slices.Clone(a.config.editing)
		edited[i] = edited[i].with(change)
		a.edit(c, "changed", change, edited)
		return ok(edited[i].node())
	}, nil
}

func (a *Appliance) prepareElementDelete(c *call) (func() reply, *reply) {
	kind, bad := a.kindOf(c.query.Get("elementType"))
	if bad != nil {
		return nil, bad
	}
	name, _ := keyOf(kind)
	key := c.query.Get(name)
	if key == "" {
		return nil, badRequest("Key attribute " + name + " is missing.")
	}
	return func() reply {
		i := indexOf(a.config.editing, kind, key)
		if i < 0 {
			return failure(http.StatusNotFound, "Configuration element not found.")
		}
		a.edit(c, "deleted", a.config.editing[i], slices.Delete(slices.Clone(a.config.editing), i, i+1))
		return noContent()
	}, nil
}

func (a *Appliance) edit(c *call, how string, e element, edited []element) {
	a.config.editing = edited
	a.record(c.now, c.asker(), kit.Effect{What: "config.edited", ID: e.String(), More: how})
}
