package ecb

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// What a 423 says of the lock (api/ecb.md 3.3).
const (
	textOther = "resource locked by another user"
	textFree  = "user does not have the lock"
)

// errLost is the kind of a 423 to somebody who held the lock: not ours any more, and somebody else's.
var errLost = fmt.Errorf("%w, %w", appliance.ErrNotHeld, appliance.ErrHeld)

// envelope reads an answer's body: one XML document whose root is `response` (api/ecb.md 1.2, faults.md NET-06). An
// empty body gives nil. The error wraps ErrMalformed and is printable.
func envelope(resp *transport.Response) (*node, error) {
	if len(resp.Body) == 0 {
		return nil, nil
	}
	if resp.ContentType != mediaXML && resp.ContentType != "text/xml" {
		return nil, malformed("its Content-Type is %q, not %s", resp.ContentType, mediaXML)
	}
	if _, params, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil {
		if charset := params["charset"]; charset != "" && !accepted(charset) {
			return nil, malformed("character set %q is not accepted", charset)
		}
	}
	root, err := parse(resp.Body, documentLimits)
	if err != nil {
		return nil, malformed("%v", err)
	}
	if root.name != "response" {
		return nil, malformed("its root element is %q, not response", root.name)
	}
	return root, nil
}

// malformed is ErrMalformed with a reason, in which there may be words of the appliance.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", appliance.ErrMalformed, appliance.Words(fmt.Sprintf(format, args...)))
}

// payload is the data element of an envelope that must have one.
func payload(root *node) (*node, error) {
	if root == nil {
		return nil, malformed("the body is empty")
	}
	data := root.child("data")
	if data == nil {
		return nil, malformed("there is no data element")
	}
	return data, nil
}

// messages collects the errorMessage elements at any depth below n, and with them the links that are prose, not
// addresses (api/ecb.md 1.2).
func messages(n *node) []appliance.Message {
	const most = 20
	var list []appliance.Message
	n.walk(func(_ []string, e *node) {
		prose := e.name == "link" && e.text != "" && !strings.Contains(e.text, "://")
		if len(list) < most && (e.name == "errorMessage" && e.text != "" || prose) {
			list = append(list, appliance.Message{Text: appliance.Words(e.text)})
		}
	})
	return list
}

// told is what an answer says beside its data.
func told(root *node) []appliance.Message {
	var list []appliance.Message
	if root != nil {
		for _, k := range root.kids {
			if k.name != "data" {
				list = append(list, messages(k)...)
			}
		}
	}
	return list
}

// purpose is what a request is for, which decides what a status means.
type purpose int

const (
	reading  purpose = iota // changes nothing
	locking                 // asks for the lock
	renewing                // moves the lock to another token
	changing                // needs the lock
)

// refusal is the error of an answer that is no success. A page that is no envelope gives no words: only the status is
// shown (faults.md NET-06). When the appliance asks to be left alone for a while, errors.As finds that (NET-09).
func refusal(resp *transport.Response, p purpose) error {
	root, _ := envelope(resp)
	r := &appliance.Refusal{Status: resp.Status}
	if root != nil {
		r.Messages = messages(root)
	}
	r.Kind = kindOf(resp.Status, p, r.Messages)
	return resp.Later(r)
}

func kindOf(status int, p purpose, said []appliance.Message) error {
	switch status {
	case http.StatusUnauthorized:
		return appliance.ErrCredentials
	case http.StatusForbidden:
		return appliance.ErrForbidden
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
		http.StatusUnsupportedMediaType, http.StatusUpgradeRequired:
		return appliance.ErrUnsupported
	case http.StatusLocked:
		return lockedKind(p, said)
	case http.StatusTooManyRequests:
		return appliance.ErrBusy
	}
	switch {
	case status >= 500 && p != reading:
		return appliance.ErrAmbiguous
	case status == http.StatusBadGateway || status == http.StatusServiceUnavailable ||
		status == http.StatusGatewayTimeout:
		return appliance.ErrBusy
	case status < http.StatusTemporaryRedirect && p != reading:
		return errAside
	case status < 400:
		return appliance.ErrMalformed
	}
	return nil
}

// errAside is the kind of a redirect that leads nowhere: it does not say that what was asked for was not done, as 307 and 308
// do.
var errAside = fmt.Errorf("%w, %w", appliance.ErrMalformed, appliance.ErrAmbiguous)

// lockedKind is the kind of a 423. While locking it always means that somebody else holds the lock; to a request that needs no
// lock it says nothing of it (api/ecb.md 3.3).
func lockedKind(p purpose, said []appliance.Message) error {
	switch {
	case p == locking:
		return appliance.ErrHeld
	case p != changing:
		return nil
	}
	if holderBy(said) == appliance.HolderAnother {
		return errLost
	}
	return appliance.ErrNotHeld
}

// holderBy reads from the words of a 423 whose the lock is. Pages differ in case and in the full stop (api/ecb.md 1.3).
func holderBy(said []appliance.Message) appliance.Holder {
	for _, m := range said {
		switch s := strings.ToLower(strings.TrimSpace(m.Text.String())); strings.TrimRight(s, ". ") {
		case textOther:
			return appliance.HolderAnother
		case textFree:
			return appliance.HolderNobody
		}
	}
	return appliance.HolderUnknown
}

func success(status int) bool { return status >= 200 && status < 300 }

// settled reads the answer to a changing request: what was told along with a success, or the error. A success that
// cannot be read, or that a page in between may have made up, leaves the outcome unknown.
func settled(resp *transport.Response, p purpose) ([]appliance.Message, error) {
	if !success(resp.Status) {
		return nil, refusal(resp, p)
	}
	root, err := envelope(resp)
	if err != nil {
		return nil, fmt.Errorf("%w: status %d, but %w", appliance.ErrAmbiguous, resp.Status, err)
	}
	return told(root), nil
}

// statusOf is the status of the refusal in err, 0 when there is none.
func statusOf(err error) int {
	var r *appliance.Refusal
	if errors.As(err, &r) {
		return r.Status
	}
	return 0
}

// holderIn is whose the lock is by the words of the 423 in err.
func holderIn(err error) appliance.Holder {
	var r *appliance.Refusal
	if errors.As(err, &r) {
		return holderBy(r.Messages)
	}
	return appliance.HolderUnknown
}
