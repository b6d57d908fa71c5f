package ecb

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/secret/canary"
	"holdfast/appliance/transport"
)

var accessToken = regexp.MustCompile(`<accessToken>([^<]+)</accessToken>`)

// spy keeps every token that goes over the line, either way.
type spy struct {
	mu     sync.Mutex
	tokens []string
	echo   func(w http.ResponseWriter, said string) bool // may answer a request itself, with what was sent
}

func (s *spy) meddle(w http.ResponseWriter, r *http.Request, next http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.note(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	s.mu.Lock()
	echo := s.echo
	s.mu.Unlock()
	_, password, _ := r.BasicAuth()
	if echo != nil && echo(w, r.Header.Get("Authorization")+" "+password+" "+string(body)) {
		return
	}
	rec := httptest.NewRecorder()
	next.ServeHTTP(rec, r)
	if m := accessToken.FindStringSubmatch(rec.Body.String()); m != nil {
		s.note(m[1])
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (s *spy) note(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.HasPrefix(token, "Basic ") && !slices.Contains(s.tokens, token) {
		s.tokens = append(s.tokens, token)
	}
}

func (s *spy) repeat(echo func(w http.ResponseWriter, said string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.echo = echo
}

// forms are those of the password and of every token that was seen.
func (s *spy) forms(user string, password secret.Secret) []string {
	forms := canary.Forms(password.Reveal(), user)
	for _, token := range s.tokens {
		if len(token) > 20 {
			forms = append(forms, canary.Forms(token, user)...)
		}
	}
	return forms
}

// everything does everything that a client can do and returns every value and error that came of it.
func (b *bench) everything() (values []any) {
	keep := func(v any, err error) { values = append(values, v, err) }
	ctx := b.t.Context()
	for range 2 {
		keep(b.Probe(ctx))
	}
	keep(b.Backups(ctx))
	keep(b.Jobs(ctx))
	keep(b.Acquire(ctx, theClaim))
	keep(b.Locks(ctx))
	keep(b.Acquire(ctx, theClaim))
	b.hands.advance(time.Minute)
	for range 2 {
		keep(b.Renew(ctx, theLock))
		b.hands.advance(time.Minute)
	}
	keep(b.Settle(ctx))
	for _, verb := range []appliance.Verb{appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease} {
		calls := b.Explain(appliance.Act{Verb: verb, Lock: theLock, Claim: theClaim})
		keep(calls, nil)
		for _, c := range calls {
			keep(c.Curl(), nil)
		}
	}
	for _, part := range []appliance.Part{appliance.PartHealth, appliance.PartLocks, appliance.PartBackups, appliance.PartJobs} {
		keep(b.Locate(part, ""), nil)
	}
	keep(b.Resume(ctx, "of another run"))
	keep(b.Release(ctx, theLock))
	keep(b.Locks(ctx))
	for _, x := range b.Trace(0) {
		again, _ := x.Call()
		keep(x, nil)
		keep(again.Curl(), nil)
	}
	keep(fmt.Sprintf("%v %+v %#v", b.Client, b.Client, b.own), nil)
	return values
}

// What a client returns holds neither the password nor a token anywhere in it, not even where nothing prints it, and whatever
// the appliance repeats of what was sent to it. Only the client itself keeps them, and the store of owning tokens.
func TestFault_SEC05_ValuesHoldNoSecret(t *testing.T) {
	const user = "admin"
	xmlOf := func(status int, format string) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, said string) bool {
			var text bytes.Buffer
			_ = xml.EscapeText(&text, []byte(said)) // into memory
			page(status, mediaXML, fmt.Sprintf(format, text.String()))(w, nil, nil)
			return true
		}
	}
	echoes := map[string]func(http.ResponseWriter, string) bool{
		"let in":       nil,
		"message":      xmlOf(400, "<response><data/><messages><errorMessage>%s</errorMessage></messages><links/></response>"),
		"refusal":      xmlOf(423, "<response><data/><messages><errorMessage>%s</errorMessage></messages><links><link>%[1]s</link></links></response>"),
		"unauthorized": xmlOf(401, "<response><messages><errorMessage>%s</errorMessage></messages></response>"),
		"other root":   xmlOf(200, "<other>%s</other>"),
		"no XML":       xmlOf(200, "%s <"),
		"bad token":    xmlOf(200, "<response><data><accessToken>%s</accessToken></data></response>"),
		"page": func(w http.ResponseWriter, said string) bool {
			page(502, "text/html", "<html>"+said+"</html>")(w, nil, nil)
			return true
		},
		"type": func(w http.ResponseWriter, said string) bool {
			page(200, strings.ReplaceAll(said, "\n", " "), "<response/>")(w, nil, nil)
			return true
		},
	}
	for name, echo := range echoes {
		for _, locked := range []bool{false, true} { // before the echoes begin
			b, s := newBench(t, func(o *Options, _ *transport.Options) {
				o.Tokens, o.Engine, o.ObserverProbe, o.RenewalForm = kept{}, "one", true, FormToken
			}), &spy{}
			password := secret.New("Passw0rd-admin")
			b.opt.Password = func(context.Context) (secret.Secret, error) { return password, nil }
			b.between(s.meddle)
			if locked {
				b.acquire()
				if found, _ := canary.Find(b.Client, s.forms(user, password)); found == "" {
					t.Error("not even the client itself holds a secret, so this proves nothing")
				}
			}
			if s.repeat(echo); echo != nil { // to which any password is right
				password = secret.New(canary.New())
			}
			values, all := b.everything(), 0
			for _, v := range values {
				found, looked := canary.Find(v, s.forms(user, password))
				all += looked
				if found != "" {
					t.Errorf("%s %v: %T holds %q", name, locked, v, found)
				}
			}
			if all < 100 || name == "let in" && len(s.tokens) < 4 {
				t.Errorf("%s: %d strings were looked at, %d tokens seen", name, all, len(s.tokens))
			}
		}
	}
}

// kept is a store that keeps nothing.
type kept struct{}

func (kept) Keep(context.Context, string, Kept) error { return nil }
func (kept) Kept(context.Context, string) (Kept, error) {
	return Kept{}, fmt.Errorf("nothing: %w", appliance.ErrGone)
}
func (kept) Forget(context.Context, string) error { return nil }

// The password is asked for at each login and renewal, and not kept.
func TestFault_SEC05_PasswordIsNotKept(t *testing.T) {
	b := newBench(t)
	password, asked := canary.New(), 0
	b.opt.Password = func(context.Context) (secret.Secret, error) {
		asked++
		return secret.New(password), nil
	}
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrCredentials) {
		t.Errorf("err %v", err)
	}
	if found, _ := canary.Find(b.Client, canary.Forms(password, "admin")); found != "" {
		t.Errorf("the client keeps %q", found)
	}
	b.opt.Password = func(context.Context) (secret.Secret, error) {
		asked++
		return secret.New("Passw0rd-admin"), nil
	}
	b.acquire()
	if _, err := b.Renew(t.Context(), theLock); err != nil || asked != 4 { // two logins, a renewal, and one to look at what runs
		t.Errorf("asked %d times, %v", asked, err)
	}
}
