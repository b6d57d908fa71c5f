package fault

import (
	"fmt"
	"slices"
	"strings"
)

// SyntaxError says what is wrong with a rule's text and where.
type SyntaxError struct {
	Text   string
	Column int // of the word that is wrong, from 1, in bytes; 0: the rule as a whole
	Err    error
}

// Error tells the rule, the column and what is wrong.
func (e *SyntaxError) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("fault %q: %v", e.Text, e.Err)
	}
	return fmt.Sprintf("fault %q, column %d: %v", e.Text, e.Column, e.Err)
}

// Unwrap is what is wrong.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Parse reads a rule from its text form (see Grammar). It is strict: a word that is not known, stands twice or does not
// belong to the kind is a *SyntaxError, which names the nearest word that is known.
func Parse(text string) (Rule, error) {
	var r Rule
	words, columns := split(text)
	fail := func(i int, err error) (Rule, error) {
		column := 0
		if i < len(columns) {
			column = columns[i]
		}
		return Rule{}, &SyntaxError{Text: text, Column: column, Err: err}
	}
	if len(words) == 0 {
		return fail(0, fmt.Errorf("it is empty: begin with one of %s", strings.Join(kindNames(), ", ")))
	}
	if err := r.readKind(words[0]); err != nil {
		return fail(0, err)
	}
	seen := map[string]bool{}
	for i, word := range words[1:] {
		what, err := r.readWord(word)
		if err == nil && seen[what] {
			err = fmt.Errorf("%s is said twice", what)
		}
		if err != nil {
			return fail(i+1, err)
		}
		seen[what] = true
	}
	if err := r.Check(); err != nil {
		return fail(len(words), err)
	}
	return r, nil
}

// split cuts a text into its words and tells the column of each.
func split(text string) (words []string, columns []int) {
	for at := 0; at < len(text); {
		rest := strings.TrimLeft(text[at:], " \t")
		at = len(text) - len(rest)
		if rest == "" {
			break
		}
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		words, columns = append(words, rest[:end]), append(columns, at+1)
		at += end
	}
	return words, columns
}

func (r *Rule) readKind(word string) error {
	name, text, given := strings.Cut(word, "=")
	k, ok := kinds[Kind(name)]
	if !ok {
		return fmt.Errorf("unknown fault %q%s", name, Nearest(name, kindNames()))
	}
	r.Kind = Kind(name)
	switch {
	case given && k.value.read == nil:
		return fmt.Errorf("%s takes no value", name)
	case !given && k.value.must:
		return fmt.Errorf("%s needs a value: %s=%s", name, name, k.value.word)
	case given:
		if err := k.value.read(r, text); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// readWord reads a word behind the kind and tells what it is about.
func (r *Rule) readWord(word string) (string, error) {
	switch key, text, isOption := strings.Cut(word, "="); {
	case strings.HasPrefix(word, "#"):
		n, err := number(word[1:])
		if err != nil || n == 0 {
			return "", fmt.Errorf("%q is not a request's number such as #2", word)
		}
		r.Nth = n
		return "#N", nil
	case isOption && !strings.ContainsAny(key, "/?"):
		return key, r.readOption(key, text)
	case isMethods(word):
		r.Method = word
		return "the method", nil
	case strings.Contains(word, "/"):
		r.Path = word
		return "the path", checkPattern(word)
	default:
		return "", fmt.Errorf("%q is no method, no path (which has a slash), no #N and no KEY=VALUE%s", word,
			Nearest(strings.ToUpper(word), methods))
	}
}

func (r *Rule) readOption(key, text string) error {
	i := slices.IndexFunc(options, func(o option) bool { return o.key == key })
	if i < 0 {
		return fmt.Errorf("unknown key %q%s", key, Nearest(key, optionKeys()))
	}
	if !kinds[r.Kind].takes(key) {
		return fmt.Errorf("%s takes no %s", r.Kind, key)
	}
	if text == "" {
		return fmt.Errorf("%s has no value: use %s=%s", key, key, options[i].word)
	}
	if err := options[i].read(r, text); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func isMethods(word string) bool {
	for _, m := range strings.Split(word, ",") {
		if !slices.Contains(methods, m) {
			return false
		}
	}
	return true
}

// Nearest is ": did you mean …?" with the known word that differs least, or the list of them when none is near.
func Nearest(word string, known []string) string {
	best, least := "", 1+max(2, len(word)/3)
	for _, k := range known {
		if d := distance(word, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ": use one of " + strings.Join(known, ", ")
	}
	return fmt.Sprintf(": did you mean %s?", best)
}

// distance is how many bytes must be changed, added or removed to make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, before+1, row[j]+1)
		}
	}
	return row[len(b)]
}
