package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"holdfast/appliance"
)

// An answer that is cut anywhere is no answer, however the connection ends, as far as HTTP can tell it.
func TestFault_NET05_CutAnywhere(t *testing.T) {
	id := issue(t, nil, nil, nil)
	body := `{"locks":[{}]}`
	zipped := gzipped(t, []byte(body))
	for name, raw := range map[string]string{
		"length":  fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)) + body,
		"chunked": fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
		"gzip": fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", len(zipped)) +
			zipped,
	} {
		cut, politely := 0, false
		m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
			if answer(conn, raw[:cut]) == nil && politely {
				_ = conn.Close()
			}
		})
		c := client(t, m, id, nil)
		for cut = range raw {
			politely = cut%2 == 0
			got, err := c.Do(t.Context(), get("/"))
			if got != nil {
				t.Fatalf("%s cut at %d: an answer of %d bytes", name, cut, len(got.Body))
			}
			wants(t, err, nil, appliance.ErrAmbiguous)
			headed := cut >= strings.Index(raw, "\r\n\r\n")+4
			gone, unreadable := errors.Is(err, appliance.ErrUnreachable), errors.Is(err, appliance.ErrMalformed)
			// A body that breaks off is both; half a status line may be anything.
			if headed && !(gone && unreadable) || !gone && !unreadable {
				t.Fatalf("%s cut at %d: %v", name, cut, err)
			}
			if cut%12 == 0 {
				_, err = c.Do(t.Context(), post("/"))
				wants(t, err, []error{appliance.ErrAmbiguous}, appliance.ErrUnreachable)
			}
		}
		cut = len(raw)
		if got := must(c.Do(t.Context(), get("/")))(t); string(got.Body) != body {
			t.Errorf("%s whole: %q", name, got.Body)
		}
	}
}

// A body without a length ends with its connection, and crypto/tls does not tell whether that was cut. So nothing is no answer
// to a read, whereas what changed something has answered with its header; what is left of a document is the decoders' to see.
func TestFault_NET05_CutWithoutLength(t *testing.T) {
	id := issue(t, nil, nil, nil)
	const head, body = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", `{"locks":[{}]}`
	var cut int
	var politely bool
	m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		if answer(conn, head+body[:cut]) == nil && politely {
			_ = conn.Close()
		}
	})
	c := client(t, m, id, nil)
	for _, politely = range []bool{false, true} {
		for cut = range len(body) + 1 {
			for _, r := range []Request{get("/"), post("/"), {Method: "POST", Path: "/login", Login: true}} {
				got, err := c.Do(t.Context(), r)
				if cut == 0 && r.Method == "GET" {
					wants(t, err, []error{appliance.ErrUnreachable, appliance.ErrMalformed})
				} else if err != nil || string(got.Body) != body[:cut] {
					t.Errorf("%s cut at %d: %v, %v", r.Method, cut, got, err)
				}
			}
		}
	}
	m = serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) {
		_ = answer(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
	if got, err := client(t, m, id, nil).Do(t.Context(), get("/")); err != nil || len(got.Body) != 0 {
		t.Errorf("nothing, and says so: %v", err)
	}
}

// What is not HTTP is malformed, and its bytes, which may echo our own, are not repeated.
func TestFault_NET05_Rubbish(t *testing.T) {
	id := issue(t, nil, nil, nil)
	for name, raw := range map[string]string{
		"text":      "CANARY CANARY\r\n\r\n",
		"status":    "HTTP/1.1 CANARY\r\n\r\n",
		"header":    "HTTP/1.1 200 OK\r\nCANARY\r\n\r\n",
		"length":    "HTTP/1.1 200 OK\r\nContent-Length: CANARY\r\n\r\n",
		"coding":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: CANARY\r\n\r\n",
		"chunk":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nCANARY\r\n",
		"no gzip":   "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 16\r\n\r\nCANARYCANARYCANA",
		"gzip tail": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, []byte("{}")) + "CANARYCANARY",
	} {
		m := serveRaw(t, id.config(), func(_ net.Conn, conn *tls.Conn) { _ = answer(conn, raw); _ = conn.Close() })
		c := client(t, m, id, nil)
		_, err := c.Do(t.Context(), get("/"))
		wants(t, err, []error{appliance.ErrMalformed}, appliance.ErrAmbiguous, appliance.ErrUnreachable)
		_, err = c.Do(t.Context(), post("/"))
		wants(t, err, []error{appliance.ErrMalformed, appliance.ErrAmbiguous}, appliance.ErrUnreachable)
		if strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: repeated in %q", name, err)
		}
	}
}
