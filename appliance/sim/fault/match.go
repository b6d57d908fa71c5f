package fault

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Match reports whether the rule is about a request to the appliance of that name; when it happens is not asked.
//
// A path is compared element by element, * and ? and [ ] standing for letters within one element as in file names. It
// may begin anywhere in the request's path, or at its start when it begins with a slash; what follows it does not
// matter, unless it ends with a dollar sign. "sftp/locks" is so the list and each lock, "sftp/locks$" the list alone,
// "/tasks" nothing but the tasks. Behind a question mark stand pairs that the query must have.
func (r Rule) Match(appliance string, q *http.Request) bool {
	if r.On != "" {
		if ok, err := path.Match(r.On, appliance); err != nil || !ok {
			return false
		}
	}
	if r.Method != "" && !contains(r.Method, q.Method) {
		return false
	}
	return r.Path == "" || matchPath(r.Path, q.URL)
}

// Meets fails when the rule names an appliance and none of these has that name.
func (r Rule) Meets(appliances []string) error {
	for _, name := range appliances {
		if ok, err := path.Match(r.On, name); r.On == "" || (err == nil && ok) {
			return nil
		}
	}
	return fmt.Errorf("fault %q: there is no appliance %q%s", r, r.On, Nearest(r.On, appliances))
}

func contains(list, word string) bool {
	for m := range strings.SplitSeq(list, ",") {
		if m == word {
			return true
		}
	}
	return false
}

func matchPath(pattern string, u *url.URL) bool {
	pattern, query, hasQuery := strings.Cut(pattern, "?")
	if hasQuery {
		want, err := url.ParseQuery(query)
		if err != nil {
			return false
		}
		have := u.Query()
		for key, values := range want {
			if have.Get(key) != values[0] {
				return false
			}
		}
	}
	pattern, whole := strings.CutSuffix(pattern, "$")
	anchored := strings.HasPrefix(pattern, "/")
	want := strings.Split(strings.Trim(pattern, "/"), "/")
	have := strings.Split(strings.Trim(u.Path, "/"), "/")
	for from := 0; from+len(want) <= len(have); from++ {
		if anchored && from > 0 || whole && from+len(want) != len(have) {
			continue
		}
		if equal(want, have[from:]) {
			return true
		}
	}
	return false
}

func equal(want, have []string) bool {
	for i, w := range want {
		if ok, err := path.Match(w, have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// checkPattern reports what is wrong with a rule's path.
func checkPattern(pattern string) error {
	if !strings.Contains(pattern, "/") || strings.ContainsAny(pattern, " \t\r\n") || pattern[0] == '#' {
		return fmt.Errorf("path %q: it needs a slash and no space, and begins with no #", pattern)
	}
	name, query, _ := strings.Cut(pattern, "?")
	if _, err := url.ParseQuery(query); err != nil {
		return fmt.Errorf("path %q: its query is malformed", pattern)
	}
	name = strings.TrimSuffix(name, "$")
	if strings.Trim(name, "/") == "" && name != "/" {
		return fmt.Errorf("path %q names nothing", pattern)
	}
	for element := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if _, err := path.Match(element, ""); errors.Is(err, path.ErrBadPattern) {
			return fmt.Errorf("path %q: %q is no pattern", pattern, element)
		}
	}
	return nil
}
