package broker

// typeAttributes are the attributes that a new element of a type has, its key first.
func typeAttributes(kind string) []string {
	key, _ := keyOf(kind)
	switch kind {
	case "session-agent":
		return []string{key, "ip-address", "state"}
	case "session-group":
		return []string{key, "dest"}
	default: // user-number
		return []string{key, "agent"}
	}
}

// prepareMetadata plays GET configuration/elementTypes/metadata. The digest names it and no more (api/ecb.md 5.4): it wants the
// type as its neighbours do, and the body is our own choice.
func (a *Appliance) prepareMetadata(c *call) (func() reply, *reply) {
	kind, bad := a.kindOf(c.query.Get("elementType"))
	if bad != nil {
		return nil, bad
	}
	return func() reply {
		key, _ := keyOf(kind)
		n := group("elementTypeMetadata", leaf("elementType", kind))
		for _, name := range typeAttributes(kind) {
			is := "false"
			if name == key {
				is = "true"
			}
			n.kids = append(n.kids, group("attributeMetadata", leaf("name", name), leaf("type", "string"), leaf("key", is)))
		}
		return ok(n)
	}, nil
}

// prepareTemplate plays GET configuration/elementTypes/template: an element of the type with nothing filled in, as
// configElements writes one (api/ecb.md 5.4; the body is our own choice).
func (a *Appliance) prepareTemplate(c *call) (func() reply, *reply) {
	kind, bad := a.kindOf(c.query.Get("elementType"))
	if bad != nil {
		return nil, bad
	}
	return func() reply {
		e := element{kind: kind}
		for _, name := range typeAttributes(kind) {
			e.attrs = append(e.attrs, attribute{name, []string{""}})
		}
		return ok(e.node())
	}, nil
}

// prepareBootParams plays GET configuration/bootparams. Its write page was not read (api/ecb.md 3.5), so there is no PUT; names
// and values are our own choice.
func (a *Appliance) prepareBootParams(*call) (func() reply, *reply) {
	return func() reply {
		n := group("bootparams")
		for _, p := range [][2]string{{"bootDevice", "eth0"}, {"ipAddress", a.opts.Address}, {"targetName", a.opts.Name}} {
			n.kids = append(n.kids, group("bootparam", leaf("name", p[0]), leaf("value", p[1])))
		}
		return ok(n)
	}, nil
}
