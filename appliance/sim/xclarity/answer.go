package xclarity

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// answer is what a resource says to a request, before the switches give it its final shape.
type answer struct {
	status  int
	body    any      // marshalled; nil is no body
	chunks  [][]byte // a body that is already JSON; used when body is nil
	header  map[string]string
	cookies []*http.Cookie
	problem *problem // set on a refusal, for those that answer in HTML
}

// problem is a refusal in the vendor's words. Its ids are invented, in a reserved high range (api/lxca.md 5.2).
type problem struct {
	status      int
	id          string
	text        string
	explanation string
	recovery    string
}

func (p *problem) Error() string { return p.text }

const (
	okID       = "FQXHMSE0001I"
	okText     = "The request completed successfully."
	okRecovery = "Information only. No action is required."
	helpURL    = "https://pubs.lenovo.com/lxca/"
)

// message renders one message with the words and the recovery shape that the switches ask for.
func (a *Appliance) message(id, text, explanation, recovery, url string) map[string]any {
	switch a.switches.Get(swMessageText) {
	case "html":
		text = `<a href="` + helpURL + `">` + text + `</a>`
	case "portuguese":
		text = "A solicitação foi processada: " + text
	case "hostile":
		text = "\x1b]0;owned\x07\x1b[2J" + text + "\u202e\r\n\x00"
	}
	m := map[string]any{"id": id, "text": text, "explanation": explanation}
	switch a.switches.Get(swRecovery) {
	case "array":
		m["recovery"] = []any{map[string]any{"text": recovery, "URL": url}}
	case "string":
		m["recovery"], m["recoveryUrl"] = recovery, url
	default:
		m["recovery"] = map[string]any{"text": recovery, "URL": url}
	}
	return m
}

// wrap puts messages into the envelope that the switch asks for.
func (a *Appliance) wrap(status int, ok bool, msgs ...any) map[string]any {
	result := "success"
	if !ok {
		result = a.switches.Get(swResultWord)
	}
	if msgs == nil {
		msgs = []any{}
	}
	switch a.switches.Get(swEnvelope) {
	case "status-code":
		return map[string]any{"statusCode": status, "statusDescription": http.StatusText(status), "result": result, "messages": msgs}
	case "message":
		if len(msgs) == 1 {
			return map[string]any{"result": result, "message": msgs[0]}
		}
		return map[string]any{"result": result, "message": msgs}
	}
	return map[string]any{"result": result, "messages": msgs}
}

// ok is a success in the vendor's envelope.
func (a *Appliance) ok(status int) answer {
	ans := answer{status: status, body: a.wrap(status, true, a.message(okID, okText, "", okRecovery, ""))}
	switch a.switches.Get(swSuccessBody) {
	case "empty":
		ans.body = nil
	case "object":
		ans.body = map[string]any{}
	}
	return ans
}

// fail is a refusal in the vendor's envelope.
func (a *Appliance) fail(p *problem) answer {
	msg := a.message(p.id, p.text, p.explanation, p.recovery, helpURL)
	return answer{status: p.status, problem: p, body: a.wrap(p.status, false, msg)}
}

// refuse is fail for a problem that is told in place.
func (a *Appliance) refuse(status int, id, text, explanation, recovery string) answer {
	return a.fail(&problem{status: status, id: id, text: text, explanation: explanation, recovery: recovery})
}

// page is an error page as a proxy in front of the appliance would show it.
func page(status int, text string) []byte {
	return fmt.Appendf(nil, "<html><head><title>%d %s</title></head><body><h1>%s</h1><p>%s</p></body></html>\n",
		status, http.StatusText(status), http.StatusText(status), html.EscapeString(text))
}

// write sends an answer.
func (a *Appliance) write(w http.ResponseWriter, r *http.Request, ans answer) {
	kind := "application/com.lenovo.lxca-v" + a.opt.Version + "+json; charset=UTF-8"
	if a.switches.Is(swContentType, "json") {
		kind = "application/json"
	}
	body := ans.chunks
	if ans.body != nil {
		b, err := json.Marshal(ans.body)
		if err != nil {
			panic("sim: answer cannot be marshalled: " + err.Error())
		}
		body = [][]byte{b}
	}
	if ans.problem != nil && a.switches.Is(swContentType, "html-errors") {
		kind, body = "text/html; charset=UTF-8", [][]byte{page(ans.status, ans.problem.text)}
	}
	h := w.Header()
	a.commonHeaders(h)
	for k, v := range ans.header {
		h.Set(k, v)
	}
	for _, c := range ans.cookies {
		http.SetCookie(w, c)
	}
	if t := ans.header["Content-Type"]; t != "" {
		kind = t
	}
	if len(body) > 0 {
		h.Set("Content-Type", kind)
	}
	send(w, ans.status, body, a.switches.Is(swGzip, "on") && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"))
}

// zippers are kept because one costs most of a megabyte to make.
var zippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// send writes status and body, compressed when asked for. A compressed empty body is the 20 bytes that a real
// appliance was seen to send (api/lxca.md 6, quirk 7).
func send(w http.ResponseWriter, status int, body [][]byte, zip bool) {
	if zip && status != http.StatusNoContent {
		var buf bytes.Buffer
		z := zippers.Get().(*gzip.Writer)
		z.Reset(&buf)
		for _, b := range body {
			_, _ = z.Write(b) // writing to memory never fails
		}
		_ = z.Close()
		zippers.Put(z)
		w.Header().Set("Content-Encoding", "gzip")
		body = [][]byte{buf.Bytes()}
	}
	n := 0
	for _, b := range body {
		n += len(b)
	}
	if status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(n))
	}
	w.WriteHeader(status)
	for _, b := range body {
		if _, err := w.Write(b); err != nil {
			return // the client has gone; the effect stays
		}
	}
}

// commonHeaders are those that every answer carries (api/lxca.md 6, quirks 6 and 19).
func (a *Appliance) commonHeaders(h http.Header) {
	h["Strict-Transport-Security"] = []string{"max-age=63072000; includeSubDomains"}
	h["X-Frame-Options"] = []string{"SAMEORIGIN"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	h["Cache-Control"] = []string{"no-store, no-cache, must-revalidate"}
	h["Pragma"] = []string{"no-cache"}
	h["Expires"] = []string{"-1"}
	h["Vary"] = []string{"Accept-Encoding, User-Agent"}
	date := a.clock.Now().UTC().Format(http.TimeFormat)
	switch a.switches.Get(swDateHeader) {
	case "missing":
		h["Date"] = nil
	case "malformed":
		h["Date"] = []string{"yesterday at noon"}
	case "cached":
		h["Date"] = []string{date}
		h["Age"] = []string{"30"}
	default:
		h["Date"] = []string{date}
	}
	if a.switches.Is(swHeaders, "twice") {
		h["Date"] = append(h["Date"], h["Date"]...)
		h["X-Content-Type-Options"] = append(h["X-Content-Type-Options"], "nosniff")
		h["Expires"] = append(h["Expires"], "Thu, 01 Jan 1970 00:00:00 GMT")
	}
}
