package lxca

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"holdfast/appliance"
)

// maxMessages is how many messages of one answer are kept.
const maxMessages = 32

// document reads the answer to a call that is to succeed. An answer without a body (204, nothing, a gzip stream of
// nothing: api/lxca.md 6 #7, #8) gives a value of kind absent. A refusal, by status or by result, is a
// *appliance.Refusal. On a changing call, 5xx and an unreadable success also wrap appliance.ErrAmbiguous, because nobody
// knows what took effect ("What may be sent twice" in faults.md).
func (a answer) document() (value, error) {
	v, err := a.read()
	if err == nil || !a.changing {
		return v, err
	}
	if refusal, refused := refusalOf(err); !refused || refusal.Status >= http.StatusInternalServerError {
		err = fmt.Errorf("%w: %w", appliance.ErrAmbiguous, err)
	}
	return v, err
}

// read is document without the question what a failure means for a changing call.
func (a answer) read() (value, error) {
	if a.Status < 200 || a.Status > 299 {
		return value{}, a.refusal()
	}
	if len(bytes.TrimSpace(a.Body)) == 0 || a.Status == http.StatusNoContent {
		return value{}, nil
	}
	v, err := a.parsed()
	if err != nil {
		return value{}, err
	}
	if e := envelope(v); e.failed {
		return value{}, &appliance.Refusal{Status: a.Status, Result: e.result, Messages: e.messages}
	}
	return v, nil
}

// parsed is the document in the body, whatever it says.
func (a answer) parsed() (value, error) {
	if !a.json() {
		return value{}, malformed("status %d with %s instead of JSON", a.Status, appliance.Label(a.ContentType))
	}
	body, err := a.utf8()
	if err != nil {
		return value{}, err
	}
	return parse(bytes.TrimSpace(body), documentTime)
}

// json reports whether the content type allows JSON: the vendor's own type carries the product's version, so only the
// word counts (api/lxca.md 1.1). A missing type is left to the parser.
func (a answer) json() bool { return a.ContentType == "" || strings.Contains(a.ContentType, "json") }

// refusal is the error for a status that is no success.
func (a answer) refusal() error {
	r := &appliance.Refusal{Status: a.Status, Kind: kindOf(a.Status)}
	body, unread := a.utf8()
	body = bytes.TrimSpace(body)
	v, err := parse(body, documentTime)
	switch {
	case unread != nil:
	case !a.json() || err != nil:
		r.Messages = firstLine(a.ContentType, body)
	default:
		e := envelope(v)
		r.Result, r.Messages = e.result, e.messages
	}
	return a.Later(r)
}

// kindOf is the sentinel of a status. A gateway that has nobody behind it says 502 to 504; for a changing call document
// adds that nobody knows what took effect.
func kindOf(status int) error {
	switch status {
	case http.StatusUnauthorized:
		return appliance.ErrCredentials
	case http.StatusForbidden:
		return appliance.ErrForbidden
	case http.StatusNotFound:
		return appliance.ErrGone
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return appliance.ErrBusy
	default:
		return nil
	}
}

// firstLine is what is shown of a refusal that is no JSON: the first line of plain text, and nothing of a page
// (faults.md NET-06, api/lxca.md 6 #17).
func firstLine(contentType string, body []byte) []appliance.Message {
	if contentType != "text/plain" || len(body) == 0 || body[0] == '<' {
		return nil
	}
	line, _, _ := bytes.Cut(body, []byte("\n"))
	return []appliance.Message{{Text: appliance.Label(strings.TrimSpace(string(line)))}}
}

// outcome is the envelope of an answer (api/lxca.md 5.1).
type outcome struct {
	result   appliance.Text
	failed   bool // says that it failed, whatever the status says
	plain    bool // says success, or nothing
	messages []appliance.Message
}

// envelope reads every variant of the envelope from v. A value that is no object has none.
func envelope(v value) outcome {
	result := v.get("result")
	e := outcome{result: result.label()}
	switch strings.ToLower(result.word()) {
	case "failed", "failure":
		e.failed = true
	case "success", "":
		e.plain = true
	}
	status := v.get("statusCode")
	if code, ok := status.count(); ok && code >= 400 {
		e.failed, e.plain = true, false
	}
	for _, key := range []string{"messages", "message"} {
		e.messages = appendMessages(e.messages, v.get(key))
	}
	if description := v.get("statusDescription").word(); description != "" && len(e.messages) == 0 && e.failed {
		e.messages = []appliance.Message{{Text: prose(description)}}
	}
	return e
}

// appendMessages reads one message, a list of them, or a bare text.
func appendMessages(to []appliance.Message, v value) []appliance.Message {
	if v.kind == list {
		for _, k := range v.kids {
			if k.kind != list {
				to = appendMessages(to, k.value)
			}
		}
		return to
	}
	if m := message(v); m != (appliance.Message{}) && len(to) < maxMessages {
		to = append(to, m)
	}
	return to
}

// message reads one message; the recovery may be an object, a list of objects or a text.
func message(v value) appliance.Message {
	if v.kind != object {
		return appliance.Message{Text: prose(v.word())}
	}
	m := appliance.Message{
		ID:          v.get("id").label(),
		Text:        prose(flat(v.get("text"))),
		Explanation: prose(flat(v.get("explanation"))),
		URL:         v.get("recoveryUrl").label(),
	}
	recovery := v.get("recovery")
	parts := []member{{value: recovery}}
	if recovery.kind == list {
		parts = recovery.kids
	}
	var words []string
	for _, part := range parts {
		words = append(words, flat(part.value))
		if url := part.get("URL").word(); url != "" && m.URL.Empty() {
			m.URL = appliance.Label(url)
		}
	}
	m.Recovery = prose(strings.Join(words, " "))
	return m
}
