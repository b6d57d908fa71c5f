package appliance

import (
	"strings"
	"time"
)

// Call is one request as it will be sent, without its secret.
type Call struct {
	Method      string
	URL         string
	Auth        string // "basic", "bearer" or empty
	User        string // with basic
	Accept      string
	ContentType string
	Body        string // never holds a secret: one is written as $TOKEN or $PASSPHRASE, and $BODY is all of what was not kept
	Pin         string // sha256//…, when trust is by pinned key
	CAFile      string // when trust is by a CA file
}

// Curl is the same request as a shell line. The password is asked for by curl, a token is taken from $TOKEN and a passphrase,
// written as it stands in JSON, from $PASSPHRASE. Where a body was not kept it is taken from $BODY.
func (c Call) Curl() string {
	words := []string{"curl", "-X", quote(c.Method)}
	switch c.Auth {
	case "basic":
		words = append(words, "-u", quote(c.User))
	case "bearer":
		words = append(words, "-H", `"Authorization: Bearer $TOKEN"`)
	}
	if c.Pin != "" {
		words = append(words, "-k", "--pinnedpubkey", quote(c.Pin))
	}
	if c.CAFile != "" {
		words = append(words, "--cacert", quote(c.CAFile))
	}
	if c.Accept != "" {
		words = append(words, "-H", quote("Accept: "+c.Accept))
	}
	if c.ContentType != "" {
		words = append(words, "-H", quote("Content-Type: "+c.ContentType))
	}
	if c.Body != "" {
		words = append(words, c.dataOption(), quoteAround(c.Body))
	}
	return strings.Join(append(words, quote(c.URL)), " ")
}

// dataOption is the curl option that sends the body as we do: as it stands, a leading @ too, which must not name a file.
// The token of a form is percent-encoded when it is sent (api/ecb.md 2.2), so curl has to do so with what $TOKEN holds.
func (c Call) dataOption() string {
	if strings.HasSuffix(c.ContentType, "x-www-form-urlencoded") && strings.HasSuffix(c.Body, "=$TOKEN") {
		return "--data-urlencode"
	}
	return "--data-raw"
}

// quoteAround makes s one word of a POSIX shell, in which $TOKEN and $PASSPHRASE, or all of it where it is $BODY, and nothing else
// are expanded.
func quoteAround(s string) string {
	if s == bodyStands {
		return `"` + s + `"`
	}
	for _, name := range []string{"$TOKEN", "$PASSPHRASE"} {
		parts := strings.Split(s, name)
		if len(parts) == 1 {
			continue
		}
		for i, p := range parts {
			if p != "" {
				parts[i] = quote(p)
			}
		}
		return strings.Join(parts, `"`+name+`"`)
	}
	return quote(s)
}

// quote makes s one word of a POSIX shell.
func quote(s string) string {
	safe := strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@+,", r)
	}) < 0
	if s != "" && safe {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// bodyStands stands for a body that was not kept.
const bodyStands = "$BODY"

// Exchange is one request that was sent, for the requests pane. It never holds a body, nor of its header more than Like tells.
type Exchange struct {
	Seq      uint64
	At       Reading
	Method   string
	Path     string // with the query
	Status   int    // 0: no answer
	Duration time.Duration
	Size     int64  // decoded bytes of the body
	Err      string // what went wrong, printable, without secrets
	// Like is what it has in common with many others, so that it is there once only: who asked in which way, and whom. Its URL
	// is the appliance's. nil = that was not kept.
	Like *Call
}

// HasBody reports whether something was sent along with the request.
func (x Exchange) HasBody() bool { return x.Like != nil && x.Like.Body != "" }

// Call is the request as it could be sent again: a body was not kept, $BODY stands for it. ok is false where it is not known whole,
// as its path is not when it was cut.
func (x Exchange) Call() (c Call, ok bool) {
	if x.Like == nil || strings.HasSuffix(x.Path, "…") {
		return Call{}, false
	}
	c = *x.Like
	c.Method, c.URL = x.Method, c.URL+x.Path
	return c, true
}
