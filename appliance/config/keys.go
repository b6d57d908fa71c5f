package config

import (
	"fmt"
	"slices"

	"holdfast/appliance"
)

// keys reads the table of keys for actions.
func (p *parser) keys(raw any, c *Config) {
	if raw == nil {
		return
	}
	at := path{"keys"}
	table, ok := p.table(at, "[keys]", raw)
	if !ok {
		return
	}
	c.keyAt = map[string][]Position{}
	read := list("", "", func(k *[]string) *[]string { return k }, parseKey).read
	for action, raw := range table {
		if one, ok := raw.(string); ok {
			raw = []any{one}
		}
		here, keys := at.with(action), []string{}
		if err := read(p.opts, &keys, raw); err != nil {
			p.complain(here, "%s %v", quoted(action), err)
		}
		c.Keys[action] = keys
		c.keyAt[action] = []Position{p.at.of(here)}
		for i := range keys {
			c.keyAt[action] = append(c.keyAt[action], p.at.of(here.element(i)))
		}
	}
}

// keyForm says how a key is written.
const keyForm = `a key is written as "a", "ctrl+a", "f5" or "enter"`

// parseKey accepts what can be the name of a key. Whether there is such a key CheckKeys finds out.
func parseKey(_ Options, _ int, s string) (string, error) {
	const longest = 32
	if s == "" || len(s) > longest || appliance.Clean(s, longest).String() != s {
		return "", fmt.Errorf("holds %s, but "+keyForm, quoted(s))
	}
	return s, nil
}

// KeyNames is what the screen knows of keys and this package does not.
type KeyNames struct {
	Actions []string                // that can be given keys
	Names   []string                // of keys, to propose one from
	Meant   func(key string) string // the name by which a key comes from a terminal; empty when there is none like it
}

// CheckKeys returns an *Error unless Keys names nothing but actions that there are, and keys that a terminal can send.
func (c *Config) CheckKeys(known KeyNames) error {
	var e Error
	for action, at := range c.keyAt {
		if !slices.Contains(known.Actions, action) {
			e.Problems = append(e.Problems, Problem{c.Path, at[0], "unknown action " + quoted(action) + " in [keys]" +
				didYouMean(action, known.Actions)})
			continue
		}
		for i, key := range c.Keys[action] {
			meant := known.Meant(key)
			if meant == key {
				continue
			}
			hint := didYouMean(key, known.Names)
			switch {
			case meant != "":
				hint = " (did you mean " + quoted(meant) + "?)"
			case hint == "":
				hint = ": " + keyForm
			}
			e.Problems = append(e.Problems, Problem{c.Path, at[i+1], quoted(key) + " for " + action +
				" is no key that a terminal sends" + hint})
		}
	}
	if len(e.Problems) == 0 {
		return nil
	}
	slices.SortFunc(e.Problems, Problem.compare)
	return &e
}

// KeyProblem is an *Error about a key that the actions have, at the last place in the file that gives it to one of them.
func (c *Config) KeyProblem(key, text string, actions ...string) error {
	problem := Problem{File: c.Path, Text: text}
	for _, action := range actions {
		for i, at := range c.keyAt[action] {
			later := Problem{c.Path, at, text}
			if i > 0 && c.Keys[action][i-1] == key && later.compare(problem) > 0 {
				problem = later
			}
		}
	}
	return &Error{Problems: []Problem{problem}}
}
