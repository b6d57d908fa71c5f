package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// option is one KEY=VALUE of a rule's text.
type option struct {
	key, word string
	about     string
	given     func(Rule) bool
	read      func(*Rule, string) error
	write     func(Rule) string
}

// options are all keys, in the order in which a rule is written.
var options = []option{
	{key: "effect", word: "no|yes|D",
		about: "does the request have its effect, or D later: default no; a fault of an appliance: yes: after the effect",
		given: func(r Rule) bool { return r.Effect != ByKind }, read: readEffect, write: writeEffect},
	{key: "of", word: "body|head", about: "what cut counts",
		given: func(r Rule) bool { return r.Head },
		read:  func(r *Rule, s string) (err error) { r.Head, err = either(s, "head", "body"); return err },
		write: func(Rule) string { return "head" }},
	timeOption("retry-after", "the header, in whole seconds", func(r *Rule) *time.Duration { return &r.RetryAfter }),
	{key: "locks", word: "gone|kept", about: "what becomes of locks: default gone",
		given: func(r Rule) bool { return r.KeepLocks },
		read:  func(r *Rule, s string) (err error) { r.KeepLocks, err = either(s, "kept", "gone"); return err },
		write: func(Rule) string { return "kept" }},
	wordOption("how", "how it is away: default refused", []string{Refused, Unavailable, Hang},
		func(r *Rule) *string { return &r.How }),
	wordOption("by", "who takes an ECB's lock: default rest", []string{"rest", "gui", "acli"}, func(r *Rule) *string { return &r.By }),
	{key: "on", word: "NAME", about: "only on this appliance; * and ? as in file names",
		given: func(r Rule) bool { return r.On != "" },
		read:  func(r *Rule, s string) error { r.On = s; return nil },
		write: func(r Rule) string { return r.On }},
	intOption("every", "only each N-th request that matches", func(r *Rule) *int { return &r.Every }),
	{key: "p", word: "P", about: "only with this probability, above 0 and up to 1",
		given: func(r Rule) bool { return r.P != 0 },
		read: func(r *Rule, s string) (err error) {
			if r.P, err = strconv.ParseFloat(s, 64); err != nil || !(r.P > 0 && r.P <= 1) {
				return fmt.Errorf("%q is not a probability above 0 and up to 1", s)
			}
			return nil
		},
		write: func(r Rule) string { return strconv.FormatFloat(r.P, 'g', -1, 64) }},
	{key: "seed", word: "N", about: "of everything that is left to chance",
		given: func(r Rule) bool { return r.Seed != 0 },
		read: func(r *Rule, s string) (err error) {
			if r.Seed, err = strconv.ParseUint(s, 10, 64); err != nil {
				return fmt.Errorf("%q is not a whole number", s)
			}
			return nil
		},
		write: func(r Rule) string { return strconv.FormatUint(r.Seed, 10) }},
	intOption("times", "at most so often", func(r *Rule) *int { return &r.Times }),
	timeOption("after", "not before this time from the start", func(r *Rule) *time.Duration { return &r.After }),
	timeOption("until", "not from this time on", func(r *Rule) *time.Duration { return &r.Until }),
	timeOption("period", "again each D, for a fault of an appliance without method and path",
		func(r *Rule) *time.Duration { return &r.Period }),
}

func readEffect(r *Rule, s string) error {
	switch s {
	case "no":
		r.Effect = None
	case "yes":
		r.Effect = Done
	default:
		d, err := duration(s)
		if err != nil || d <= 0 {
			return fmt.Errorf("%q is not no, yes, or a time that it comes later", s)
		}
		r.Effect, r.Late = Late, d
	}
	return nil
}

func writeEffect(r Rule) string {
	switch r.Effect {
	case None:
		return "no"
	case Late:
		return brief(r.Late)
	}
	return "yes"
}

// either reads one of two words and reports whether it is the first.
func either(s, yes, no string) (bool, error) {
	if s != yes && s != no {
		return false, fmt.Errorf("%q is not %s or %s", s, yes, no)
	}
	return s == yes, nil
}

func timeOption(key, about string, at func(*Rule) *time.Duration) option {
	return option{key: key, word: "D", about: about,
		given: func(r Rule) bool { return *at(&r) != 0 },
		read: func(r *Rule, s string) error {
			d, err := duration(s)
			if err == nil && d <= 0 {
				err = fmt.Errorf("%q is not more than 0", s)
			}
			*at(r) = d
			return err
		},
		write: func(r Rule) string { return brief(*at(&r)) }}
}

func intOption(key, about string, at func(*Rule) *int) option {
	return option{key: key, word: "N", about: about,
		given: func(r Rule) bool { return *at(&r) != 0 },
		read: func(r *Rule, s string) error {
			n, err := number(s)
			if err == nil && n == 0 {
				err = fmt.Errorf("%q is not at least 1", s)
			}
			*at(r) = n
			return err
		},
		write: func(r Rule) string { return strconv.Itoa(*at(&r)) }}
}

func wordOption(key, about string, words []string, at func(*Rule) *string) option {
	return option{key: key, word: strings.Join(words, "|"), about: about,
		given: func(r Rule) bool { return *at(&r) != "" },
		read: func(r *Rule, s string) error {
			if !slices.Contains(words, s) {
				return fmt.Errorf("%q is not %s", s, strings.Join(words, ", "))
			}
			*at(r) = s
			return nil
		},
		write: func(r Rule) string { return *at(&r) }}
}

func optionKeys() []string {
	keys := make([]string, len(options))
	for i, o := range options {
		keys[i] = o.key
	}
	return keys
}
