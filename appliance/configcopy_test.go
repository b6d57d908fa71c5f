package appliance_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast/appliance"
)

// element makes one of words: type, key, then NAME=VALUE,VALUE.
func element(words ...string) appliance.ConfigElement {
	e := appliance.ConfigElement{Type: appliance.Label(words[0]), Key: appliance.Label(words[1])}
	for _, w := range words[2:] {
		name, values, _ := strings.Cut(w, "=")
		a := appliance.ConfigAttribute{Name: appliance.Label(name)}
		for v := range strings.SplitSeq(values, ",") {
			a.Values = append(a.Values, appliance.Words(v))
		}
		e.Attributes = append(e.Attributes, a)
	}
	return e
}

func shown(changes []appliance.ConfigChange) string {
	var words []string
	for _, c := range changes {
		line := fmt.Sprintf("%s %s %s", c.Type, c.Key, c.How)
		for _, a := range c.Attributes {
			line += fmt.Sprintf(" %s %v->%v", a.Name, a.Before, a.After)
		}
		words = append(words, line)
	}
	return strings.Join(words, "; ")
}

func TestChangesBetween(t *testing.T) {
	a := element("agent", "a", "host=a", "ip=1")
	for name, test := range map[string]struct {
		before, after []appliance.ConfigElement
		missing       []appliance.Text
		want          string
	}{
		"same":             {[]appliance.ConfigElement{a}, []appliance.ConfigElement{a}, nil, ""},
		"other order":      {[]appliance.ConfigElement{a, element("agent", "b")}, []appliance.ConfigElement{element("agent", "b"), a}, nil, ""},
		"added":            {nil, []appliance.ConfigElement{a}, nil, "agent a added"},
		"removed":          {[]appliance.ConfigElement{a}, nil, nil, "agent a removed"},
		"changed":          {[]appliance.ConfigElement{a}, []appliance.ConfigElement{element("agent", "a", "host=a", "ip=1,2")}, nil, "agent a changed ip [1]->[1 2]"},
		"attribute gone":   {[]appliance.ConfigElement{a}, []appliance.ConfigElement{element("agent", "a", "host=a")}, nil, "agent a changed ip [1]->[]"},
		"order of values":  {[]appliance.ConfigElement{element("g", "x", "d=1,2")}, []appliance.ConfigElement{element("g", "x", "d=2,1")}, nil, "g x changed d [1 2]->[2 1]"},
		"same key, others": {[]appliance.ConfigElement{a, a}, []appliance.ConfigElement{a}, nil, "agent a removed"},
		"another type":     {[]appliance.ConfigElement{a}, []appliance.ConfigElement{element("group", "a", "host=a", "ip=1")}, nil, "agent a removed; group a added"},
		"missing type":     {[]appliance.ConfigElement{a}, nil, []appliance.Text{appliance.Label("agent")}, ""},
	} {
		before, after := appliance.Config{Elements: test.before}, appliance.Config{Elements: test.after, Missing: test.missing}
		if got := shown(appliance.ChangesBetween(before, after)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// There and back are the same changes, and no configuration differs from itself.
func TestChangesBetweenBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) appliance.Config {
			var c appliance.Config
			for range rapid.IntRange(0, 6).Draw(t, "elements") {
				word := rapid.StringMatching("[ab]")
				c.Elements = append(c.Elements, element(word.Draw(t, "type"), word.Draw(t, "key"), "n="+word.Draw(t, "value")))
			}
			return c
		})
		a, b := one.Draw(t, "before"), one.Draw(t, "after")
		there, back := appliance.ChangesBetween(a, b), appliance.ChangesBetween(b, a)
		count := map[appliance.Change]int{}
		for _, c := range there {
			count[c.How]++
		}
		for _, c := range back {
			switch c.How {
			case appliance.ElementAdded:
				count[appliance.ElementRemoved]--
			case appliance.ElementRemoved:
				count[appliance.ElementAdded]--
			default:
				count[c.How]--
			}
		}
		for how, n := range count {
			if n != 0 {
				t.Fatalf("%s: %d more one way: %s, %s", how, n, shown(there), shown(back))
			}
		}
		if same := appliance.ChangesBetween(a, a); len(same) > 0 {
			t.Fatal(shown(same))
		}
	})
}

func TestOperationOver(t *testing.T) {
	for o, want := range map[string]appliance.Operation{
		"over": {Lost: true}, "Over": {Phase: appliance.PhaseSucceeded}, "OVER": {Phase: appliance.PhaseProblem},
		"not": {Phase: appliance.PhaseRunning}, "Not": {}, "NOT": {Phase: appliance.PhaseUnknown, Seen: true},
	} {
		if want.Over() != (strings.ToLower(o) == "over") {
			t.Errorf("%+v: over %v", want, want.Over())
		}
	}
}
