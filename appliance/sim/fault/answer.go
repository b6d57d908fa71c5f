package fault

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// recorder keeps an answer that an appliance gives.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is what the appliance sets.
func (a *recorder) Header() http.Header { return a.header }

// WriteHeader keeps the first status.
func (a *recorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write keeps a piece of the body.
func (a *recorder) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// bytes is the whole answer as HTTP/1.1 sends it, and where its body begins.
func (a *recorder) bytes() (text []byte, body int) {
	a.WriteHeader(http.StatusOK)
	if a.status != http.StatusNoContent && a.header.Get("Content-Length") == "" { // without it nobody sees that the end is missing
		a.header.Set("Content-Length", strconv.Itoa(a.body.Len()))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	_ = a.header.Write(&b) // writing to memory never fails
	b.WriteString("\r\n")
	body = b.Len()
	b.Write(a.body.Bytes())
	return b.Bytes(), body
}

// copyTo sends the answer; the body through write, when there is one.
func (a *recorder) copyTo(w http.ResponseWriter, write func(w http.ResponseWriter, body []byte)) {
	a.WriteHeader(http.StatusOK)
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	if write != nil {
		write(w, a.body.Bytes())
		return
	}
	_, _ = w.Write(a.body.Bytes()) // a caller that has gone cannot be told
}

// dripper writes a body at n bytes a second, in ten drops a second where that is more than a byte each.
func dripper(ctx context.Context, n int) func(http.ResponseWriter, []byte) {
	pause, drop := time.Second, n
	if n >= 10 {
		pause, drop = time.Second/10, n/10
	}
	return func(w http.ResponseWriter, body []byte) {
		flush := http.NewResponseController(w)
		for len(body) > 0 {
			if flush.Flush() != nil || !wait(ctx, pause) {
				panic(http.ErrAbortHandler) // the caller has gone
			}
			k := min(drop, len(body))
			if _, err := w.Write(body[:k]); err != nil {
				panic(http.ErrAbortHandler)
			}
			body = body[k:]
		}
	}
}

// wholeSeconds is a duration as Retry-After tells it.
func wholeSeconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// writeStatus answers as a proxy that has something to say for itself.
func writeStatus(h *host, w http.ResponseWriter, status int) {
	write(h, w, status, "text/plain; charset=UTF-8", http.StatusText(status)+"\n")
}

// writePage answers with a page for people.
func writePage(h *host, w http.ResponseWriter, status int) {
	text := http.StatusText(status)
	write(h, w, status, "text/html; charset=UTF-8", fmt.Sprintf(
		"<!DOCTYPE html>\n<html><head><title>%d %s</title></head><body><h1>%s</h1></body></html>\n", status, text, text))
}

func write(h *host, w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Date", h.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // a caller that has gone cannot be told
}
