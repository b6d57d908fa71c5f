package appliance

import (
	"context"
	"slices"
	"strings"
)

// ConfigCopy is one of the three copies of a configuration (api/ecb.md 5).
type ConfigCopy string

// The copies.
const (
	EditedCopy  ConfigCopy = "edited"  // being changed, by whoever has the lock; others' half-made edits lie there too
	SavedCopy   ConfigCopy = "saved"   // stored, not in use; it cannot be read
	RunningCopy ConfigCopy = "running" // in use
)

// ConfigElement is one object of a configuration.
type ConfigElement struct {
	Type       Text
	Key        Text // tells elements of one type apart, where it is known; the first attribute otherwise
	Attributes []ConfigAttribute
}

// ConfigAttribute is one attribute of an element and its values, in the appliance's order.
type ConfigAttribute struct {
	Name   Text
	Values []Text
}

// Config is one copy of a configuration as far as it was read: the elements of Types. Missing are the types that could not be
// read, so that nothing can be said of them; Guessed tells that the appliance did not say which types it has.
type Config struct {
	Copy     ConfigCopy
	Types    []Text
	Missing  []Text
	Guessed  bool
	Elements []ConfigElement
	Stamp    Stamp // of the first answer
}

// ConfigReader reads a copy of the configuration. It needs no lock; without one the copy may change while it is read.
type ConfigReader interface {
	Config(context.Context, ConfigCopy) (Config, error)
}

// ConfigStore checks and stores the edited configuration. It needs the lock, and so what is answered without it is ErrNotHeld.
type ConfigStore interface {
	VerifyConfig(context.Context) (Receipt, error)
	SaveConfig(context.Context) (Receipt, error)
}

// Activator makes the saved configuration the running one. It needs the lock.
type Activator interface {
	ActivateConfig(context.Context) (Receipt, error)
}

// Operation is what is known of asynchronous work that has no id and is told of in one place for everybody (api/ecb.md 5.3). A
// caller begins with the verb and hands what it got to the next Follow.
type Operation struct {
	Verb  Verb  // create, restore, verify, save or activate
	Phase Phase // PhaseSucceeded and PhaseProblem only when it is surely ours that ended
	State Text  // as told at last
	Other Text  // the operation that is told of instead of ours; empty = ours, or none
	Told  []Message
	Stamp Stamp
	// Seen tells that ours was seen under way. Lost tells that its end can no longer be known: another operation has taken its
	// place. Then the listings and copies are all that is left to look at.
	Seen, Lost bool
	// Doubt tells that what was told may be of an earlier operation: it counts when the next look tells the same.
	Doubt  bool
	Fields []Field
}

// Over reports whether there is nothing more to follow.
func (o Operation) Over() bool { return o.Lost || o.Phase.Ended() }

// Follower looks once at an operation. Whoever calls waits some seconds between two looks; an error says nothing of the
// operation, which may be followed on.
type Follower interface {
	Follow(context.Context, Operation) (Operation, error)
}

// ConfigChange is one difference between two copies of a configuration.
type ConfigChange struct {
	Type, Key  Text
	How        Change
	Attributes []AttributeChange // with ElementChanged
}

// AttributeChange is one attribute that differs; the side that lacks it has no values.
type AttributeChange struct {
	Name          Text
	Before, After []Text
}

// Change is how an element differs.
type Change string

// Changes.
const (
	ElementAdded   Change = "added"
	ElementRemoved Change = "removed"
	ElementChanged Change = "changed"
)

// elementName is what two copies of one element have in common. Elements of the same name are told apart by their order.
type elementName struct {
	kind, key Text
	nth       int
}

// ChangesBetween lists what was changed on the way from one copy to the other, in order of type and key. It says nothing of the
// types that are missing in either.
func ChangesBetween(before, after Config) []ConfigChange {
	old, fresh := before.named(), after.named()
	skip := slices.Concat(before.Missing, after.Missing)
	var changes []ConfigChange
	note := func(n elementName, how Change, attributes []AttributeChange) {
		if !slices.Contains(skip, n.kind) {
			changes = append(changes, ConfigChange{Type: n.kind, Key: n.key, How: how, Attributes: attributes})
		}
	}
	for n, e := range fresh {
		was, there := old[n]
		if !there {
			note(n, ElementAdded, nil)
		} else if attributes := attributeChanges(was, e); len(attributes) > 0 {
			note(n, ElementChanged, attributes)
		}
	}
	for n := range old {
		if _, there := fresh[n]; !there {
			note(n, ElementRemoved, nil)
		}
	}
	slices.SortStableFunc(changes, func(a, b ConfigChange) int {
		return strings.Compare(a.sorted(), b.sorted())
	})
	return changes
}

func (c ConfigChange) sorted() string {
	return c.Type.String() + "\x00" + c.Key.String() + "\x00" + string(c.How)
}

func (c Config) named() map[elementName]ConfigElement {
	named := make(map[elementName]ConfigElement, len(c.Elements))
	count := map[elementName]int{}
	for _, e := range c.Elements {
		n := elementName{kind: e.Type, key: e.Key}
		nth := count[n]
		count[n]++
		n.nth = nth
		named[n] = e
	}
	return named
}

// attributeChanges lists the attributes in which two elements differ, by name.
func attributeChanges(before, after ConfigElement) []AttributeChange {
	names := map[Text]*AttributeChange{}
	side := func(e ConfigElement, values func(*AttributeChange) *[]Text) {
		for _, a := range e.Attributes {
			if names[a.Name] == nil {
				names[a.Name] = &AttributeChange{Name: a.Name}
			}
			v := values(names[a.Name])
			*v = append(*v, a.Values...)
		}
	}
	side(before, func(c *AttributeChange) *[]Text { return &c.Before })
	side(after, func(c *AttributeChange) *[]Text { return &c.After })
	var changes []AttributeChange
	for _, c := range names {
		if !slices.Equal(c.Before, c.After) {
			changes = append(changes, *c)
		}
	}
	slices.SortFunc(changes, func(a, b AttributeChange) int { return strings.Compare(a.Name.String(), b.Name.String()) })
	return changes
}
