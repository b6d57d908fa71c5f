package broker

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

// reply is an answer before it is written: what the envelope of api/ecb.md 1.2 holds.
type reply struct {
	status int
	data   []node
	errors []string
	links  []string
	allow  string // methods, for a 405
}

// Texts that the vendor's pages give word for word (api/ecb.md 1.3, 3.3), and ours where they give none.
const (
	textNotAuthorized = "Client not authorized."
	textNoLock        = "User does not have the lock."
	textLocked        = "Resource locked by another user"
	textNeedsHTTPS    = "Client must connect with HTTPS."
	textNotAdmin      = "Client does not have administrator privileges."
	textUserLimit     = "User limit reached. Please try again later."
	textStandby       = "Configuration is not allowed on this node."
)

func ok(data ...node) reply { return reply{status: http.StatusOK, data: data} }

func noContent() reply { return reply{status: http.StatusNoContent} }

func failure(status int, text string) reply { return reply{status: status, errors: []string{text}} }

// refuse is failure for a check, which answers with a pointer.
func refuse(status int, text string) *reply {
	r := failure(status, text)
	return &r
}

func badRequest(text string) *reply { return refuse(http.StatusBadRequest, text) }

// write sends the answer in the shape that the switches ask for. It needs no lock: switches have their own.
func (rep reply) write(a *Appliance, w http.ResponseWriter) {
	h := w.Header()
	contentType := "application/xml"
	if a.switches.Is(swCharset, "with") {
		contentType += ";charset=UTF-8"
	}
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Date", a.clock.Now().UTC().Format(http.TimeFormat))
	if rep.allow != "" {
		h.Set("Allow", rep.allow)
	}
	if rep.status == http.StatusNoContent { // the vendor's Content-Length: 0 is struck out by net/http (RFC 9110, 8.6)
		w.WriteHeader(rep.status)
		return
	}
	body := rep.envelope(a)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rep.status)
	_, _ = w.Write(body) // a caller that has gone cannot be told
}

func (rep reply) envelope(a *Appliance) []byte {
	nesting := a.switches.Get(swErrorNesting)
	messages, links := group("messages"), group("links")
	var beside []node
	for _, text := range rep.errors {
		n := leaf("errorMessage", a.fullStop(text))
		switch nesting {
		case "item":
			messages.kids = append(messages.kids, group("message", n))
		case "flat":
			beside = append(beside, n)
		default:
			messages.kids = append(messages.kids, n)
		}
	}
	for _, link := range rep.links {
		n := leaf("link", link)
		if nesting == "item" {
			n = group("item", n)
		}
		links.kids = append(links.kids, n)
	}
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n")
	kids := append([]node{group("data", rep.data...), messages}, beside...)
	group("response", append(kids, links)...).render(&b)
	b.WriteString("\n")
	return b.Bytes()
}

func (a *Appliance) fullStop(text string) string {
	switch a.switches.Get(swFullStop) {
	case "with":
		if text != "" && !strings.HasSuffix(text, ".") {
			return text + "."
		}
	case "without":
		return strings.TrimSuffix(text, ".")
	}
	return text
}
