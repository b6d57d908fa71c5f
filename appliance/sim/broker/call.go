package broker

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// maxBody is the largest body that is read; a configuration element is far smaller.
const maxBody = 1 << 20

// call is one request on its way through the checks, each of which may add what it found out.
type call struct {
	r       *http.Request
	body    []byte
	bodyErr error
	now     time.Time // base time, the same for the whole call

	version string      // by checkVersion; empty for a path without one
	path    string      // by checkVersion; what follows the version
	route   route       // by checkVerb
	account kit.Account // by checkCredentials
	token   *token      // by checkCredentials; nil when the password was the credential
	query   url.Values  // by checkParameters
	do      func() reply
}

// newCall reads the body before anything is decided, so that a slow sender holds up nobody else.
func newCall(w http.ResponseWriter, r *http.Request) *call {
	c := &call{r: r}
	c.body, c.bodyErr = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if strings.TrimSpace(string(c.body)) == "" {
		c.body = nil
	}
	return c
}

// asker is who sent the request, and with which token.
func (c *call) asker() kit.Asker {
	by := kit.AskerOf(c.r).As(c.account.User)
	if c.token != nil {
		by.Token = c.token.id()
	}
	return by
}

// mediaType is the type that the request names for its body, without parameters; empty when it names none.
func (c *call) mediaType() string {
	value := c.r.Header.Get("Content-Type")
	if t, _, err := mime.ParseMediaType(value); err == nil {
		return t
	}
	return strings.ToLower(strings.TrimSpace(value))
}

// checkBody refuses a body that could not be read, is of another type than XML, or is malformed. A body without a
// Content-Type is taken for XML (api/ecb.md 8).
func (a *Appliance) checkBody(c *call) *reply {
	var tooLarge *http.MaxBytesError
	if errors.As(c.bodyErr, &tooLarge) {
		return refuse(http.StatusRequestEntityTooLarge, "Request body is too large.")
	}
	if c.bodyErr != nil {
		return badRequest("Request body could not be read.")
	}
	if c.body == nil {
		return nil
	}
	if t := c.mediaType(); t != "" && t != "application/xml" && t != "text/xml" && a.switches.Is(swBodyType, "415") {
		return refuse(http.StatusUnsupportedMediaType, "Content-Type is not supported: use application/xml.")
	}
	if err := wellFormed(c.body); err != nil {
		return badRequest("Request body is malformed.")
	}
	return nil
}

// link is an absolute URL to a path of the same version, as the caller may poll it.
func (a *Appliance) link(c *call, path string, query url.Values) string {
	host := c.r.Host
	if a.switches.Is(swLinkHost, "address") && a.opts.Address != "" {
		host = a.opts.Address
	}
	u := url.URL{Scheme: "https", Host: host, Path: "/rest/" + c.version + "/" + path, RawQuery: query.Encode()}
	return u.String()
}

// accepts reports whether an Accept header leaves room for application/xml.
func accepts(header string) bool {
	if strings.TrimSpace(header) == "" {
		return true
	}
	for _, part := range strings.Split(header, ",") {
		t, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(t)) {
		case "application/xml", "application/*", "*/*":
			return true
		}
	}
	return false
}
