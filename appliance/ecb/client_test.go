package ecb

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

func TestIdentity(t *testing.T) {
	b := newBench(t)
	if b.Name() != "ecb-lab" || b.Kind() != appliance.ECB {
		t.Errorf("%s %s", b.Name(), b.Kind())
	}
	r := b.LockRules()
	if len(r.Scopes) != 1 || r.Scopes[0].Code != appliance.ConfigurationLock || r.ChooseTTL || r.DefaultTTL != 10*time.Minute {
		t.Errorf("rules %+v", r)
	}
	if _, err := b.CancelJob(t.Context(), "async"); !errors.Is(err, appliance.ErrUnsupported) {
		t.Errorf("err %v", err)
	}
	b.sent(0)
}

func TestVersionDiscovery(t *testing.T) {
	tests := []struct {
		offered, configured string
		sent                []string
	}{
		{"v1.1+v1.2", "", []string{"v1.1"}},
		{"v1.2-only", "", []string{"v1.1", "v1.2"}},
		{"v1.0-only", "", []string{"v1.1", "v1.2", "v1.0"}},
		{"v1.0-only", "v1.2", []string{"v1.2", "v1.1", "v1.0"}},
		{"v1.1+v1.2", "v9.9", []string{"v9.9", "v1.1"}},
	}
	for _, tt := range tests {
		t.Run(tt.offered+" "+tt.configured, func(t *testing.T) {
			b := newBench(t, func(o *Options, _ *transport.Options) { o.Version = tt.configured })
			b.set("versions", tt.offered)
			if _, err := b.Jobs(t.Context()); err != nil {
				t.Fatal(err)
			}
			var want []string
			for i, v := range tt.sent {
				status := " 404"
				if i == len(tt.sent)-1 {
					status = " 200"
				}
				want = append(want, "POST /rest/"+v+"/auth/token"+status)
			}
			last := tt.sent[len(tt.sent)-1]
			b.sent(0, append(want, "GET /rest/"+last+"/admin/asyncstatus 200")...)
			// What was found is remembered.
			b.hands.advance(time.Hour)
			mark := b.mark()
			b.acquire()
			b.sent(mark, "POST /rest/"+last+"/auth/token 200", "POST /rest/"+last+"/configuration/lock 204")
		})
	}
	t.Run("no such API", func(t *testing.T) {
		b := newBench(t)
		b.between(page(404, "text/html", "<html>"))
		if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrUnsupported) || !strings.Contains(err.Error(), "v1.1, v1.2, v1.0") {
			t.Errorf("err %v", err)
		}
	})
}

func TestLoginRefusals(t *testing.T) {
	tests := []struct {
		name string
		with meddler
		kind error
	}{
		{"401", page(401, mediaXML, ""), appliance.ErrCredentials},
		{"403", page(403, mediaXML, ""), appliance.ErrForbidden},
		{"429", page(429, mediaXML, ""), appliance.ErrBusy},
		{"503", page(503, "text/html", "<html>"), appliance.ErrBusy},
		{"cut", swallow, appliance.ErrUnreachable},
		{"empty", page(200, mediaXML, ""), appliance.ErrMalformed},
		{"page", page(200, "text/html", "<response><data><accessToken>t</accessToken></data></response>"), appliance.ErrMalformed},
		{"no token", page(200, mediaXML, "<response><data/></response>"), appliance.ErrMalformed},
		{"token with a line break", page(200, mediaXML, "<response><data><accessToken>a\nX: b</accessToken></data></response>"), appliance.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.between(tt.with)
			if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, tt.kind) || errors.Is(err, appliance.ErrAmbiguous) {
				t.Errorf("acquire: %v", err)
			}
			if n := len(b.since(0)); n != 1 {
				t.Errorf("%d requests, want 1: nothing is tried again", n)
			}
			if _, err := b.Backups(t.Context()); !errors.Is(err, tt.kind) {
				t.Errorf("backups: %v", err)
			}
			if n := len(b.since(0)); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
			b.holder(appliance.HolderUnknown)
		})
	}
	t.Run("wrong password", func(t *testing.T) {
		b := newBench(t, as("admin", "wrong"))
		if _, err := b.Probe(t.Context()); !errors.Is(err, appliance.ErrCredentials) {
			t.Errorf("err %v", err)
		}
		b.sent(0, "POST "+version+"auth/token 401")
	})
	t.Run("no password to be had", func(t *testing.T) {
		none := errors.New("keyring locked")
		b := newBench(t, func(o *Options, _ *transport.Options) {
			o.Password = func(context.Context) (secret.Secret, error) { return secret.Secret{}, none }
		})
		_, probe := b.Probe(t.Context())
		_, acquire := b.Acquire(t.Context(), theClaim)
		for _, err := range []error{probe, acquire} {
			if !errors.Is(err, none) || !errors.Is(err, appliance.ErrNoPassword) || errors.Is(err, appliance.ErrCredentials) {
				t.Errorf("err %v", err)
			}
		}
		b.sent(0)
	})
	t.Run("no password for a renewal", func(t *testing.T) {
		given := secret.New("Passw0rd-admin")
		b := newBench(t, func(o *Options, _ *transport.Options) {
			o.Password = func(context.Context) (secret.Secret, error) { return given, nil }
		})
		b.acquire()
		mark := b.mark()
		given = secret.New("")
		if _, err := b.Renew(t.Context(), theLock); !errors.Is(err, appliance.ErrNoPassword) || errors.Is(err, appliance.ErrAmbiguous) {
			t.Errorf("err %v", err)
		}
		b.sent(mark)
		b.holder(appliance.HolderYou)
	})
}

// What an appliance asks for in Retry-After reaches who plans the next request, whatever was asked.
func TestFault_NET09_RetryAfter(t *testing.T) {
	ask := func(resource string) meddler {
		return on(resource, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			w.Header().Set("Retry-After", "7")
			page(503, mediaXML, "")(w, r, next)
		})
	}
	for resource, call := range map[string]func(*bench) error{
		"auth/token":         func(b *bench) error { _, err := b.Probe(t.Context()); return err },
		"system/status":      func(b *bench) error { _, err := b.Probe(t.Context()); return err },
		"admin/asyncstatus":  func(b *bench) error { _, err := b.Jobs(t.Context()); return err },
		"configuration/lock": func(b *bench) error { _, err := b.Acquire(t.Context(), theClaim); return err },
	} {
		b := newBench(t)
		b.between(ask(resource))
		err := call(b)
		var wish interface{ RetryAfter() time.Duration }
		if !errors.As(err, &wish) || wish.RetryAfter() != 7*time.Second || statusOf(err) != 503 {
			t.Errorf("%s: %v", resource, err)
		}
		b.between(on(resource, page(503, mediaXML, "")))
		if err := call(b); errors.As(err, &wish) {
			t.Errorf("%s: a wish that was not told: %v", resource, err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	b := newBench(t, func(_ *Options, to *transport.Options) { to.ReadOnly = true })
	if _, err := b.Acquire(t.Context(), theClaim); !errors.Is(err, appliance.ErrReadOnly) {
		t.Errorf("err %v", err)
	}
	b.sent(0)
	if _, err := b.Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
	// A renewal is no login: it moves the lock.
	if r := b.renewRequest("v1.1", secret.New("p"), secret.New("t")); r.Login || !r.SecretBody {
		t.Errorf("%+v", r)
	}
}

// Neither password nor token is in anything that people see.
func TestFault_SEC01_NoSecrets(t *testing.T) {
	b := newBench(t, form(FormToken))
	b.acquire()
	token := b.own.token.text.Reveal()
	var seen strings.Builder
	note := func(err error) {
		if err != nil {
			seen.WriteString(err.Error())
		}
	}
	for _, verb := range []appliance.Verb{appliance.VerbAcquire, appliance.VerbExtend, appliance.VerbRelease} {
		for _, call := range b.Explain(appliance.Act{Verb: verb}) {
			seen.WriteString(call.Curl())
		}
	}
	for _, answer := range []string{"<response><" + token + ">", "<!DOCTYPE " + token + ">", "<response><data><accessToken>" + token + " x</accessToken></data></response>", token} {
		b.between(on("auth/token", page(200, mediaXML, answer)))
		_, err := b.Renew(t.Context(), theLock)
		note(err)
		_, err = b.another().Probe(t.Context())
		note(err)
	}
	for _, x := range b.Trace(0) {
		seen.WriteString(x.Path + x.Err)
	}
	if seen.Len() == 0 || strings.Contains(seen.String(), token) || strings.Contains(seen.String(), "Passw0rd") {
		t.Errorf("a secret is in %s", seen.String())
	}
}

func TestExplain(t *testing.T) {
	b := newBench(t, form(FormAccessToken))
	call := func(method, path string) appliance.Call {
		return appliance.Call{
			Method: method, URL: b.url + "/rest/v1.1/" + path, Auth: "bearer", Accept: mediaXML,
			Pin: transport.PinOf(certificate().Leaf),
		}
	}
	login := call("POST", "auth/token")
	login.Auth, login.User = "basic", "admin"
	renewal := login
	renewal.ContentType, renewal.Body = "application/x-www-form-urlencoded", "accessToken=$TOKEN"
	for verb, want := range map[appliance.Verb][]appliance.Call{
		appliance.VerbAcquire: {login, call("POST", "configuration/lock")},
		appliance.VerbExtend: {
			renewal, call("GET", "admin/asyncstatus"), call("PUT", "configuration/management?action=verify"),
		},
		appliance.VerbRelease: {call("POST", "configuration/unlock")},
		appliance.VerbPush:    nil,
	} {
		if got := b.Explain(appliance.Act{Verb: verb}); !slices.Equal(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", verb, got, want)
		}
	}
	for part, want := range map[appliance.Part][]appliance.Call{
		appliance.PartHealth: {
			call("GET", "system/status"), call("GET", "system/information"), call("GET", "system/version"),
			call("GET", "../api/supportedversions"),
		},
		appliance.PartBackups: {call("GET", "configuration/management/files")},
		appliance.PartJobs:    {call("GET", "admin/asyncstatus")},
		appliance.PartLocks:   nil,
	} {
		for i := range want {
			want[i].URL = strings.ReplaceAll(want[i].URL, "v1.1/../", "")
		}
		if got := b.Locate(part, ""); !slices.Equal(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", part, got, want)
		}
	}
	b.acquire()
	if _, err := b.Renew(t.Context(), theLock); err != nil {
		t.Fatal(err)
	}
	if got := len(b.Explain(appliance.Act{Verb: appliance.VerbExtend})); got != 1 {
		t.Errorf("%d requests to extend, want the renewal alone once it is proven", got)
	}
}
