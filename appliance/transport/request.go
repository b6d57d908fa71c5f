package transport

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"holdfast/appliance/secret"
)

// Request is one request to the appliance.
type Request struct {
	Method      string // GET, HEAD, POST, PUT, PATCH or DELETE
	Path        string // escaped already, begins with /
	Query       url.Values
	RawQuery    string // instead of Query, when the vendor's spelling matters
	Auth        Auth   // what goes into Authorization; never logged
	Accept      string
	ContentType string
	Header      http.Header // further fixed headers, no secrets
	Body        []byte
	SecretBody  bool // the body holds a secret
	// Within is the secret that a SecretBody has within it, where the body as a whole is not the secret.
	Within secret.Secret
	Login  bool // a login: allowed in read-only mode, and changes nothing
}

// Auth is what proves who we are. The zero value proves nothing.
type Auth struct {
	user   string
	basic  bool
	secret secret.Secret
}

// Basic proves by user name and password.
func Basic(user string, password secret.Secret) Auth { return Auth{user, true, password} }

// Bearer proves by a token.
func Bearer(token secret.Secret) Auth { return Auth{secret: token} }

// header is the value for Authorization, empty for none.
func (a Auth) header() (string, error) {
	switch {
	case a.basic && strings.Contains(a.user, ":"):
		return "", errors.New("a user name with a colon cannot be sent")
	case a.basic:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.user+":"+a.secret.Reveal())), nil
	case a.secret.Empty():
		return "", nil
	}
	v := "Bearer " + a.secret.Reveal()
	if !printable(v) {
		return "", errors.New("the token holds characters that cannot be sent")
	}
	return v, nil
}

// changes reports whether the request may change the appliance.
func (r Request) changes() bool { return !r.reads() && !r.Login }

// reads reports whether it only asks.
func (r Request) reads() bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// methods are those that an appliance knows.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
}

// ownHeaders are set here or by net/http only. An idempotency key would let net/http send a request twice.
var ownHeaders = []string{
	"Authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept", "Accept-Encoding",
	"Content-Type", "Expect", "Trailer", "Upgrade", "Idempotency-Key", "X-Idempotency-Key",
}

// check finds what is wrong with a request before anything is sent.
func (r Request) check() error {
	if !slices.Contains(methods, r.Method) {
		return fmt.Errorf("method %q is not used", r.Method)
	}
	if err := checkPath(r.Path); err != nil {
		return err
	}
	if q := r.RawQuery; !printable(q) || strings.ContainsAny(q, " #") {
		return errors.New("the query holds characters that cannot be sent")
	}
	for name, values := range r.Header {
		if slices.Contains(ownHeaders, http.CanonicalHeaderKey(name)) {
			return fmt.Errorf("header %q is not set this way", name)
		}
		if !allPrintable(values...) {
			return fmt.Errorf("header %q holds characters that cannot be sent", name)
		}
	}
	if !allPrintable(r.Accept, r.ContentType) {
		return errors.New("a media type holds characters that cannot be sent")
	}
	return nil
}

// checkPath accepts an escaped absolute path without dot segments: ids come from appliances and go into paths
// (faults.md DAT-09).
func checkPath(path string) error {
	plain, err := url.PathUnescape(path)
	u := url.URL{Path: plain, RawPath: path}
	if err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || u.EscapedPath() != path {
		return errors.New("the path is not an escaped absolute one")
	}
	for segment := range strings.SplitSeq(plain, "/") {
		if segment == "." || segment == ".." {
			return errors.New("the path holds a dot segment")
		}
	}
	return nil
}

// printable reports whether s is printable ASCII.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func allPrintable(values ...string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return !printable(v) })
}

func (r Request) query() string {
	if r.RawQuery != "" {
		return r.RawQuery
	}
	return r.Query.Encode()
}

// url is the whole address of the request at the appliance base.
func (r Request) url(base *url.URL) *url.URL {
	u := *base
	u.Path, _ = url.PathUnescape(r.Path) // checked before
	u.RawPath = r.Path
	u.RawQuery = r.query()
	return &u
}

// shown is path and query for people, without secrets.
func (r Request) shown() string { return shownPath(r.Path, r.query()) }

// build makes the request that net/http sends to target. Its body can be read once only (no GetBody), so that net/http
// cannot send it a second time.
func (r Request) build(ctx context.Context, target *url.URL) (*http.Request, error) {
	auth, err := r.Auth.header()
	if err != nil {
		return nil, err
	}
	req := (&http.Request{
		Method: r.Method, URL: target, Host: target.Host, Header: http.Header{"User-Agent": {"holdfast"}},
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(ctx)
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	for name, v := range map[string]string{"Authorization": auth, "Accept": r.Accept, "Content-Type": r.ContentType} {
		if v != "" {
			req.Header.Set(name, v)
		}
	}
	if len(r.Body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(r.Body))
		req.ContentLength = int64(len(r.Body))
	}
	return req, nil
}
