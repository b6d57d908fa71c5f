package ecb

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"holdfast/appliance"
)

// Where configurations are read (api/ecb.md 5.4).
const (
	resElements = "configuration/configElements"
	resTypes    = "configuration/elementTypes"
)

// pageSize is the most elements that one answer holds (api/ecb.md 5.4).
const pageSize = 100

// mostTypes bounds the types of elements that are asked for, each by a request of its own.
const mostTypes = 200

// knownTypes are those of an ECB 3.2, with the attribute that tells elements of the type apart.
var knownTypes = map[string]string{"session-agent": "hostname", "session-group": "group-name", "user-number": "number"}

// typePattern is what a type of elements may look like. It is put into requests (faults.md DAT-09).
var typePattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,63}$`)

// Config reads the edited or the running configuration, all types of elements that the appliance says it has, or those of an ECB
// 3.2 where it does not say. The saved one cannot be read (api/ecb.md 5.4). On an error there is no part of it: a comparison
// with half a copy would invent differences.
func (c *Client) Config(ctx context.Context, copied appliance.ConfigCopy) (appliance.Config, error) {
	if copied != appliance.EditedCopy && copied != appliance.RunningCopy {
		return appliance.Config{}, fmt.Errorf("read the %s configuration: %w: only the edited and the running one can be read",
			appliance.Label(string(copied)), appliance.ErrUnsupported)
	}
	types, guessed, err := c.elementTypes(ctx)
	if err != nil {
		return appliance.Config{}, err
	}
	found := appliance.Config{Copy: copied, Guessed: guessed}
	for _, kind := range types {
		elements, at, err := c.elements(ctx, kind, copied == appliance.RunningCopy, mostRows-len(found.Elements))
		if isAbsent(err) || statusOf(err) == http.StatusBadRequest { // the release has no such type
			found.Missing = append(found.Missing, appliance.Label(kind))
			continue
		}
		if err != nil {
			return appliance.Config{}, fmt.Errorf("read the %s configuration: %w", copied, err)
		}
		if len(found.Types) == 0 {
			found.Stamp = at
		}
		found.Types = append(found.Types, appliance.Label(kind))
		found.Elements = append(found.Elements, elements...)
	}
	if len(found.Types) == 0 {
		return appliance.Config{}, fmt.Errorf("read the %s configuration: %w: none of its types of elements can be read",
			copied, appliance.ErrUnsupported)
	}
	return found, nil
}

// elementTypes asks which types of elements there are; guessed tells that the appliance would not say.
func (c *Client) elementTypes(ctx context.Context) (types []string, guessed bool, err error) {
	a, _, err := c.get(ctx, resTypes)
	switch {
	case isAbsent(err):
		for kind := range knownTypes {
			types = append(types, kind)
		}
		slices.Sort(types)
		return types, true, nil
	case err != nil:
		return nil, false, err
	}
	types, err = decodeTypes(a.root)
	return types, false, wrap("read "+resTypes, err)
}

// decodeTypes reads the types of elements. The body is documented nowhere, so every leaf that is called something with type,
// name or element counts.
func decodeTypes(root *node) ([]string, error) {
	data, err := payload(root)
	if err != nil {
		return nil, err
	}
	var types []string
	data.walk(func(_ []string, n *node) {
		tag := strings.ToLower(n.name)
		named := strings.Contains(tag, "type") || strings.Contains(tag, "name") || strings.Contains(tag, "element")
		if n.leaf() && named && n.text != "" && err == nil {
			if !typePattern.MatchString(n.text) {
				err = malformed("%q is no type of elements", n.text)
			}
			types = append(types, n.text)
		}
	})
	slices.Sort(types)
	types = slices.Compact(types)
	switch {
	case err != nil:
		return nil, err
	case len(types) == 0:
		return nil, malformed("it names no type of elements")
	case len(types) > mostTypes:
		return nil, fmt.Errorf("%w: more than %d types of elements", appliance.ErrTooLarge, mostTypes)
	}
	return types, nil
}

// elements reads all elements of one type, page by page. The address that an answer gives for its next page is not called.
func (c *Client) elements(
	ctx context.Context, kind string, running bool, most int,
) (all []appliance.ConfigElement, at appliance.Stamp, err error) {
	last := ""
	for {
		query := url.Values{"elementType": {kind}, "maxElements": {strconv.Itoa(pageSize)}}
		if running {
			query.Set("running", "true")
		}
		if len(all) > 0 {
			query.Set("offset", strconv.Itoa(len(all)))
		}
		a, _, err := c.getWith(ctx, resElements, query)
		if err != nil {
			return nil, at, err
		}
		page, err := decodeElements(a.root, kind)
		more := len(page) >= pageSize || nextPage(a.root)
		switch {
		case err != nil:
		case len(all)+len(page) > most:
			err = fmt.Errorf("%w: more than %d elements", appliance.ErrTooLarge, mostRows)
		case more && len(page) == 0:
			err = malformed("an empty page with another one behind it")
		case len(page) > 0 && string(a.resp.Body) == last:
			err = malformed("the same page twice")
		}
		if err != nil {
			return nil, at, fmt.Errorf("read the elements %s: %w", kind, err)
		}
		if len(all) == 0 {
			at = a.resp.Stamp
		}
		all, last = append(all, page...), string(a.resp.Body)
		if !more {
			return all, at, nil
		}
	}
}

// nextPage reports whether an answer links to a page that follows (api/ecb.md 5.4).
func nextPage(root *node) bool {
	found := false
	if root != nil {
		root.child("links").walk(func(_ []string, n *node) {
			found = found || n.name == "link" && strings.Contains(n.text, "/configElements")
		})
	}
	return found
}

// decodeElements reads one page of elements of a type. An element that is not whole, or of another type, makes all of it
// unreadable: left out it would show as a difference. No body, and empty data, are no elements.
func decodeElements(root *node, kind string) ([]appliance.ConfigElement, error) {
	if root == nil {
		return nil, nil
	}
	data, err := payload(root)
	if err != nil {
		return nil, err
	}
	var list []appliance.ConfigElement
	data.walk(func(_ []string, n *node) {
		if n.name != "configElement" || err != nil {
			return
		}
		if of := n.word("elementType"); of != kind {
			err = malformed("an element of type %q among those of %q", of, kind)
			return
		}
		var e appliance.ConfigElement
		if e, err = decodeElement(n, kind); err == nil {
			list = append(list, e)
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(list) == 0 && (len(data.kids) > 0 || data.text != "") && !emptied(data):
		return nil, malformed("there is no configElement in it")
	}
	return list, nil
}

// emptied reports whether data holds nothing but one empty element around what is not there.
func emptied(data *node) bool {
	return len(data.kids) == 1 && data.kids[0].leaf() && data.kids[0].text == "" && data.text == ""
}

func decodeElement(n *node, kind string) (appliance.ConfigElement, error) {
	e := appliance.ConfigElement{Type: appliance.Label(kind)}
	var key []string
	for _, k := range n.kids {
		if k.name != "attribute" {
			continue
		}
		name := k.word("name")
		if name == "" {
			return appliance.ConfigElement{}, malformed("an attribute without a name in an element %q", kind)
		}
		a := appliance.ConfigAttribute{Name: appliance.Label(name)}
		var values []string
		for _, v := range k.kids {
			if v.name == "value" {
				values = append(values, v.text)
				a.Values = append(a.Values, appliance.Words(v.text))
			}
		}
		if name == knownTypes[kind] || len(e.Attributes) == 0 && knownTypes[kind] == "" {
			key = values
		}
		e.Attributes = append(e.Attributes, a)
	}
	e.Key = appliance.Label(strings.Join(key, ", "))
	return e, nil
}
