package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance"
)

// setting is one key: what it means, how it is read into a T, and how a T's value of it is written.
type setting[T any] struct {
	key  string
	doc  string         // for people, any number of lines
	only appliance.Kind // empty: for every kind
	read func(Options, *T, any) error
	show func(*T) string // as TOML
}

// section is the keys of one table.
type section[T any] struct {
	name     string // as its header is written, empty for the keys before the first table
	doc      string
	settings []setting[T]
	tables   map[string]section[T] // tables within, by key
	short    bool                  // its docs fit behind its keys
}

func (s section[T]) find(key string) (setting[T], bool) {
	i := slices.IndexFunc(s.settings, func(x setting[T]) bool { return x.key == key })
	if i < 0 {
		return setting[T]{}, false
	}
	return s.settings[i], true
}

// keys are all keys and tables of the section, in order.
func (s section[T]) keys() []string {
	var keys []string
	for _, x := range s.settings {
		keys = append(keys, x.key)
	}
	var tables []string
	for key := range s.tables {
		tables = append(tables, key)
	}
	slices.Sort(tables)
	return append(keys, tables...)
}

// of makes the setting one for a single kind of appliance.
func (s setting[T]) of(kind appliance.Kind) setting[T] {
	s.only = kind
	return s
}

// word is a setting that is written as a string.
func word[T, V any](
	key, doc string, at func(*T) *V, parse func(Options, string) (V, error), show func(V) string,
) setting[T] {
	return setting[T]{
		key: key, doc: doc,
		read: func(o Options, t *T, raw any) error {
			s, ok := raw.(string)
			if !ok {
				return fmt.Errorf("must be a string in quotes, not %s", typeName(raw))
			}
			v, err := parse(o, s)
			if err != nil {
				return err
			}
			*at(t) = v
			return nil
		},
		show: func(t *T) string { return strconv.Quote(show(*at(t))) },
	}
}

// text is a string that check accepts. The empty string is what is not set and needs no check.
func text[T any](key, doc string, at func(*T) *string, check func(Options, string) (string, error)) setting[T] {
	parse := func(o Options, s string) (string, error) {
		if s == "" {
			return "", nil
		}
		return check(o, s)
	}
	return word(key, doc, at, parse, func(s string) string { return s })
}

// choice is one of a few words.
func choice[T any](key, doc string, at func(*T) *string, words ...string) setting[T] {
	return word(key, doc, at, func(_ Options, s string) (string, error) {
		if !slices.Contains(words, s) {
			return "", fmt.Errorf("is %s, but must be %s%s", quoted(s), oneOf(words), didYouMean(s, words))
		}
		return s, nil
	}, func(s string) string { return s })
}

func boolean[T any](key, doc string, at func(*T) *bool) setting[T] {
	return setting[T]{
		key: key, doc: doc,
		read: func(_ Options, t *T, raw any) error {
			v, ok := raw.(bool)
			if !ok {
				return fmt.Errorf("must be true or false, not %s", typeName(raw))
			}
			*at(t) = v
			return nil
		},
		show: func(t *T) string { return strconv.FormatBool(*at(t)) },
	}
}

// whole is a whole number from least to most.
func whole[T any](key, doc string, at func(*T) *int, least, most int) setting[T] {
	return setting[T]{
		key: key, doc: doc,
		read: func(_ Options, t *T, raw any) error {
			v, ok := raw.(int64)
			if !ok {
				return fmt.Errorf("must be a whole number, not %s", typeName(raw))
			}
			if v < int64(least) || v > int64(most) {
				return fmt.Errorf("is %d, but must be from %d to %d", v, least, most)
			}
			*at(t) = int(v)
			return nil
		},
		show: func(t *T) string { return strconv.Itoa(*at(t)) },
	}
}

// span is a duration from least to most. With least 0, zero switches off.
func span[T any](key, doc string, at func(*T) *time.Duration, least, most time.Duration) setting[T] {
	return word(key, doc, at, func(_ Options, s string) (time.Duration, error) {
		d, err := parseSpan(s)
		if err != nil {
			return 0, err
		}
		if d < least || d > most {
			return 0, fmt.Errorf("is %s, but must be from %s to %s", quoted(s), showSpan(least), showSpan(most))
		}
		return d, nil
	}, showSpan)
}

// list is an array of strings that parse accepts one by one.
func list[T any, V ~string](key, doc string, at func(*T) *[]V, parse func(Options, int, string) (V, error)) setting[T] {
	return setting[T]{
		key: key, doc: doc,
		read: func(o Options, t *T, raw any) error {
			items, ok := raw.([]any)
			if !ok {
				return fmt.Errorf(`must be an array of strings, as ["one", "two"], not %s`, typeName(raw))
			}
			var all []V
			for i, item := range items {
				s, ok := item.(string)
				if !ok {
					return fmt.Errorf("must hold strings in quotes only, and its element %d is %s", i+1, typeName(item))
				}
				v, err := parse(o, i, s)
				if err != nil {
					return err
				}
				all = append(all, v)
			}
			*at(t) = all
			return nil
		},
		show: func(t *T) string {
			var words []string
			for _, v := range *at(t) {
				words = append(words, strconv.Quote(string(v)))
			}
			return "[" + strings.Join(words, ", ") + "]"
		},
	}
}

// typeName is the TOML word for the type of a decoded value.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a point"
	case []any:
		return "an array"
	case map[string]any:
		return "a table"
	default:
		return "a date or a time"
	}
}

const day = 24 * time.Hour

var errSpan = errors.New(`must be a time such as "10s", "5m", "1h30m" or "8d"`)

// parseSpan reads a duration as Go writes it, with days allowed in front: 8d, 1d12h.
func parseSpan(s string) (time.Duration, error) {
	var days time.Duration
	rest := s
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, errSpan
		}
		days, rest = time.Duration(n)*day, after
		if rest == "" {
			return days, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64-days {
		return 0, errSpan
	}
	return days + d, nil
}

// showSpan writes a duration as an operator would: 8d, 1m, 1h30m.
func showSpan(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var days string
	if d >= 2*day {
		days = strconv.Itoa(int(d/day)) + "d"
		d %= day
		if d == 0 {
			return days
		}
	}
	s := d.String()
	if trimmed, ok := strings.CutSuffix(s, "m0s"); ok {
		s = trimmed + "m"
	}
	if trimmed, ok := strings.CutSuffix(s, "h0m"); ok {
		s = trimmed + "h"
	}
	return days + s
}
