package sim

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Plain HTTP to an ECB's own listener is answered in the vendor's words (api/ecb.md 1.1), whatever is asked for, and does nothing.
func TestPlainHTTP(t *testing.T) {
	f := start(t, Config{Appliances: []Spec{{Name: "edge", Kind: KindECB}}})
	a := f.Appliances()[0]
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	for _, c := range [][3]string{{"GET", "/rest/v1.1/system/status", ""}, {"POST", "/rest/v1.1/auth/token", ""}, {"PUT", "/moon", "<a/>"}} {
		r, err := http.NewRequestWithContext(t.Context(), c[0], "http"+strings.TrimPrefix(a.URL, "https")+c[1], strings.NewReader(c[2]))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("admin", "Passw0rd-admin")
		resp, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatalf("%v: %v", c, err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != 426 || resp.Header.Get("Content-Type") != "application/xml" ||
			!strings.Contains(string(body), "<errorMessage>Client must connect with HTTPS.</errorMessage>") {
			t.Errorf("%v: %s %v %s %v", c, resp.Status, resp.Header, body, err)
		}
	}
	if e := f.Truth().Effects(); len(e) != 0 {
		t.Errorf("effects %v", e)
	}
}

// Who begins to speak plain HTTP and says no more, or asks an ECB that is away, is cut off as one who begins a handshake and says no more.
func TestPlainHTTPThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, Config{Memory: true, Appliances: []Spec{{Name: "edge", Kind: KindECB}}})
		away := "GET /rest/v1.1/system/status HTTP/1.1\r\nHost: edge\r\n\r\n"
		for _, said := range []string{"GET /rest", "NONSENSE\r\n\r\n", away} {
			f.Appliances()[0].ECB.SetAway(said == away) // it then answers nobody
			c, err := f.DialContext(t.Context(), "tcp", f.Appliances()[0].Address+":443")
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, err := io.WriteString(c, said); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(c); len(rest) > 0 || time.Since(began) > 10*time.Second {
				t.Errorf("%q: %q after %s, %v", said, rest, time.Since(began), err)
			}
			_ = c.Close()
		}
	})
}
