package transport

import (
	"net/url"
	"strings"
	"sync"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

// tripsSize is how many round trips count as recent.
const tripsSize = 32

// ring holds the last exchanges and round trips.
type ring struct {
	size int // how many exchanges are remembered

	mu        sync.Mutex
	exchanges []appliance.Exchange // at index (Seq-1) % size
	seq       uint64               // of the newest
	likes     []*appliance.Call    // what the exchanges have in common: a handful
	trips     [tripsSize]time.Duration
	trip      int
}

// like is the one value equal to call.
func (r *ring) like(call appliance.Call) *appliance.Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.likes {
		if *l == call {
			return l
		}
	}
	r.likes = append(r.likes, &call)
	return &call
}

// like is what r has in common with others, without secrets and without its body. The key is the one that was believed when the
// trusted keys were last read, so that no request costs a look at their file.
func (c *Client) like(r Request) *appliance.Call {
	call := appliance.Call{
		URL: c.base.Scheme + "://" + c.base.Host, Accept: r.Accept, ContentType: r.ContentType, Pin: c.trust.Pin,
	}
	switch {
	case r.Auth.basic:
		call.Auth, call.User = "basic", r.Auth.user
	case !r.Auth.secret.Empty():
		call.Auth = "bearer"
	}
	if len(r.Body) > 0 {
		call.Body = "$BODY"
	}
	if call.Pin == "" && c.trust.Known != nil {
		call.Pin, _ = c.trust.Known.Lookup(c.key)
	}
	if call.Pin == "" {
		call.CAFile = c.trust.CAFile
	}
	return c.ring.like(call)
}

// add numbers x and keeps it.
func (r *ring) add(x appliance.Exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	x.Seq = r.seq
	if len(r.exchanges) < r.size {
		r.exchanges = append(r.exchanges, x)
		return
	}
	r.exchanges[(r.seq-1)%uint64(r.size)] = x
}

// after returns the exchanges with a number above seq, oldest first.
func (r *ring) after(seq uint64) []appliance.Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	if oldest := r.seq - uint64(len(r.exchanges)); seq < oldest {
		seq = oldest
	}
	var out []appliance.Exchange
	for ; seq < r.seq; seq++ {
		out = append(out, r.exchanges[seq%uint64(r.size)])
	}
	return out
}

// roundTrip notes how long an answer took.
func (r *ring) roundTrip(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trips[r.trip%tripsSize] = d
	r.trip++
}

func (r *ring) worst() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	worst := time.Duration(0)
	for _, d := range r.trips {
		worst = max(worst, d)
	}
	return worst
}

// pathLimit is how many runes of a path with its query are shown.
const pathLimit = 1024

// shownPath is an escaped path with its query, for people, the values of secret names masked.
func shownPath(path, query string) string {
	if query != "" {
		path += "?" + query
	}
	if path, query, has := strings.Cut(path, "?"); has { // a wrong path may hold a query too
		return appliance.Clean(path+"?"+maskQuery(query), pathLimit).String()
	}
	return appliance.Clean(path, pathLimit).String()
}

// secretWords are parts of names whose values are not shown, in lower case.
var secretWords = []string{"pass", "pwd", "token", "secret", "credential", "auth", "csrf", "session", "apikey", "api_key"}

// maskQuery masks the values of secret names and leaves the rest as it is spelled.
func maskQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, has := strings.Cut(part, "=")
		if has && secretName(name) {
			parts[i] = name + "=" + secret.Redacted
		}
	}
	return strings.Join(parts, "&")
}

// secretName reports whether an escaped name is one of a secret. One that cannot be unescaped is taken as it stands.
func secretName(name string) bool {
	if plain, err := url.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}
