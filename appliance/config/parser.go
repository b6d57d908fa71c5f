package config

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"holdfast/appliance"
)

// parser walks decoded TOML and gathers all that is wrong.
type parser struct {
	file     string
	opts     Options
	at       *places
	problems []Problem
}

func (p *parser) complain(at path, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.file, p.at.of(at), fmt.Sprintf(format, args...)})
}

// config reads the whole file into c.
func (p *parser) config(root map[string]any, c *Config) {
	fill(p, nil, general(), root, c, "keys", "defaults", "appliance")
	p.keys(root["keys"], c)
	p.defaults(root["defaults"], &c.Defaults)
	p.appliances(root["appliance"], c)
}

// fill reads a table into t, but for the keys in skip.
func fill[T any](p *parser, at path, s section[T], table map[string]any, t *T, skip ...string) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if slices.Contains(skip, key) {
			continue
		}
		here, raw := at.with(key), table[key]
		if within, ok := s.tables[key]; ok {
			if sub, ok := p.table(here, within.name, raw); ok {
				fill(p, here, within, sub, t)
			}
			continue
		}
		known, ok := s.find(key)
		if !ok {
			p.complain(here, "%s", unknownKey(key, s.name, append(s.keys(), skip...)))
			continue
		}
		if err := known.read(p.opts, t, raw); err != nil {
			p.complain(here, "%s %v", key, err)
		}
	}
}

// table is raw as a table, which what is not one is told to be.
func (p *parser) table(at path, header string, raw any) (map[string]any, bool) {
	t, ok := raw.(map[string]any)
	if !ok {
		p.complain(at, "%s must be a table: write %s on a line and its keys below", at[len(at)-1], header)
	}
	return t, ok
}

func (p *parser) defaults(raw any, a *Appliance) {
	if raw == nil {
		return
	}
	at := path{"defaults"}
	if table, ok := p.table(at, "[defaults]", raw); ok {
		p.layer(at, shared(), table, a)
	}
	if a.MinTLS < tls.VersionTLS12 { // faults.md TLS-06
		p.complain(at.with("min_tls"), "min_tls is lower than 1.2: that can be set for one appliance only, in its [[appliance]]")
		a.MinTLS = tls.VersionTLS12
	}
}

func (p *parser) appliances(raw any, c *Config) {
	tables, ok := raw.([]any)
	if raw != nil && !ok {
		p.complain(path{"appliance"}, "appliance must be a table for each appliance: write [[appliance]], in two brackets")
		return
	}
	if len(tables) == 0 {
		p.problems = append(p.problems, Problem{File: p.file, Text: "no appliance is configured: add an [[appliance]] " +
			"with name, kind, url and user; `holdfast config example` shows how"})
		return
	}
	known, seen := appliances(), map[string]Position{}
	for i, raw := range tables {
		at := path{"appliance"}.element(i)
		table, ok := raw.(map[string]any)
		if !ok {
			p.complain(at, "appliance must be a table for each appliance: write [[appliance]], in two brackets")
			continue
		}
		a := p.appliance(at, known, table, c.Defaults)
		if first, ok := seen[strings.ToLower(a.Name)]; ok && a.Name != "" {
			p.complain(at.with("name"), "name is %s, which the appliance in line %d has already: choose another",
				quoted(a.Name), first.Line)
		} else {
			seen[strings.ToLower(a.Name)] = p.at.of(at.with("name"))
		}
		c.Appliances = append(c.Appliances, a)
	}
}

// appliance reads one appliance, which starts from the defaults.
func (p *parser) appliance(at path, known section[Appliance], table map[string]any, a Appliance) Appliance {
	p.layer(at, known, table, &a)
	for _, must := range []struct{ key, value, example string }{
		{"name", a.Name, `name = "dc1-lxca"`},
		{"kind", string(a.Kind), `kind = "lxca" or "ecb"`},
		{"url", a.URL, `url = "https://HOST"`},
		{"user", a.User, `user = "NAME", here or in [defaults]`},
	} {
		written, ok := table[must.key]
		if must.value == "" && (!ok || written == "") {
			p.complain(at.with(must.key), "the appliance has no %s: add %s", must.key, must.example)
		}
	}
	for _, s := range known.settings {
		if _, ok := table[s.key]; ok && s.only != "" && a.Kind != "" && s.only != a.Kind {
			p.complain(at.with(s.key), "%s is a setting of an %s, and this is an %s: take it out", s.key,
				strings.ToUpper(string(s.only)), strings.ToUpper(string(a.Kind)))
		}
	}
	if a.Kind == appliance.ECB {
		a.MountPoints = nil // those of the defaults
	}
	if u, err := url.Parse(a.URL); err == nil && a.Address == "" {
		a.Address = u.Hostname()
	}
	return a
}

// layer reads table over what a already is. A place where the password comes from replaces the one of before.
func (p *parser) layer(at path, s section[Appliance], table map[string]any, a *Appliance) {
	before := a.Password
	a.Password = PasswordFrom{}
	fill(p, at, s, table, a)
	sources := a.Password.keys()
	slices.SortFunc(sources, func(x, y string) int {
		return Problem{At: p.at.of(at.with(x))}.compare(Problem{At: p.at.of(at.with(y))})
	})
	switch {
	case len(sources) > 1:
		p.complain(at.with(sources[1]), "%s: the password comes from one place only, and %s names one already: "+
			"keep one of them", sources[1], sources[0])
	case len(sources) == 0:
		a.Password = before
		if table["password_prompt"] == false && before.Prompt {
			p.complain(at.with("password_prompt"), "password_prompt is false, and no other place is named where the password "+
				"comes from: set password_env, password_file, password_command or password_keyring")
		}
	}
}

// keys are the settings that name where the password comes from.
func (f PasswordFrom) keys() []string {
	var keys []string
	for _, x := range []struct {
		key string
		set bool
	}{
		{"password_env", f.Env != ""}, {"password_file", f.File != ""}, {"password_command", len(f.Command) > 0},
		{"password_keyring", f.Keyring != ""}, {"password_prompt", f.Prompt},
	} {
		if x.set {
			keys = append(keys, x.key)
		}
	}
	return keys
}

// unknownKey says what to do about a key that the section does not know.
func unknownKey(key, where string, known []string) string {
	s := "unknown key " + quoted(key)
	if where != "" {
		s += " in " + where
	}
	lower := strings.ToLower(key)
	switch {
	case lower == "password" || lower == "passwd" || lower == "secret" || lower == "token":
		return s + ": no secret stands in this file; name where it comes from with password_file, password_command, " +
			"password_keyring, password_env or password_prompt"
	case strings.Contains(lower, "insecure") || strings.Contains(lower, "verif") || strings.Contains(lower, "skip"):
		return s + ": the check of who answers cannot be switched off; name the key to trust with pin, or a CA with ca_file"
	}
	if hint := didYouMean(key, known); hint != "" {
		return s + hint
	}
	if homes := homesOf(key); len(homes) > 0 {
		return s + ": it belongs in " + oneOf(homes)
	}
	return s + ": `holdfast config example` shows all there are"
}

// homesOf names the tables that know the key.
func homesOf(key string) []string {
	var homes []string
	for _, s := range []section[Config]{general(), logging(), warnings()} {
		if _, ok := s.find(key); ok {
			homes = append(homes, s.name)
		}
	}
	if len(homes) > 0 && homes[0] == "" {
		homes[0] = "the top of the file, before the first table"
	}
	a := appliances()
	for _, s := range []section[Appliance]{shared(), a, intervals(), a.tables["intervals"]} {
		if _, ok := s.find(key); ok {
			homes = append(homes, s.name)
		}
	}
	return homes
}
