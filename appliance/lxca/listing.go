package lxca

import (
	"errors"
	"net/http"
	"strings"

	"holdfast/appliance"
)

// listing reads the answer to a call that lists something. A success that announces less than the whole list is none.
func (a answer) listing() (value, error) {
	switch a.Status {
	case http.StatusCreated, http.StatusAccepted, http.StatusResetContent, http.StatusPartialContent:
		return value{}, malformed("status %d is no whole listing", a.Status)
	}
	return a.document()
}

// rows finds the records of a listing in v: a list, an object that wraps exactly one list beside its messages, or one
// record by itself, which single recognises. Anything else is an error and never an empty listing (faults.md LCK-13).
func rows(v value, single func(value) bool) ([]member, error) {
	switch v.kind {
	case list:
		return records(v)
	case object:
		if single(v) {
			return []member{{value: v}}, nil
		}
		if r := v.get("response"); r.kind == object && single(r) {
			return []member{{value: r}}, nil
		}
		var found []value
		for _, m := range v.kids {
			if m.kind == list && !strings.EqualFold(m.key, "messages") && !strings.EqualFold(m.key, "message") {
				found = append(found, m.value)
			}
		}
		if len(found) == 1 {
			return records(found[0])
		}
		return nil, malformed("an object with %d lists instead of one", len(found))
	default:
		return nil, malformed("%s instead of a list", v.kind)
	}
}

// records are the elements of a list in which at least one, if there are any, is an object.
func records(v value) ([]member, error) {
	for _, k := range v.kids {
		if k.kind == object {
			return v.kids, nil
		}
	}
	if len(v.kids) > 0 {
		return nil, malformed("a list without a single record")
	}
	return nil, nil
}

// refusedWith tells whether err is a refusal with the given status.
func refusedWith(err error, status int) bool {
	r, ok := refusalOf(err)
	return ok && r.Status == status
}

// refusalOf finds the refusal in an error.
func refusalOf(err error) (*appliance.Refusal, bool) {
	var r *appliance.Refusal
	ok := errors.As(err, &r)
	return r, ok
}
