package secret

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const canary = "C4n#ry~p8"

// nested holds secrets where fmt cannot call their methods.
type nested struct {
	hidden  Secret
	pointer *Secret
	list    []Secret
	table   map[string]Secret
	Shown   Secret
}

func TestFault_SEC01_PrintsNothing(t *testing.T) {
	s := New(canary)
	n := nested{s, &s, []Secret{s}, map[string]Secret{"a": s}, s}
	values := map[string]any{
		"secret": s, "pointer": &s, "list": []Secret{s}, "array": [1]Secret{s}, "map": map[string]Secret{"a": s}, "struct": n,
		"struct pointer": &n, "any": []any{s, &s, n}, "error": fmt.Errorf("wrapped: %v", s),
	}
	for name, v := range values {
		for _, verb := range []string{
			"%v", "%+v", "%#v", "%s", "%q", "%#q", "%x", "%X", "% x", "%#x", "%d", "%T", "%p", "%c", "%U", "%e", "%g", "%t", "%b", "%o",
			"%O", "%10.3s", "%-20v", "%w", "%z",
		} {
			clean(t, name+" with "+verb, fmt.Sprintf(verb, v))
		}
		clean(t, name+" by Sprint", fmt.Sprint(v), fmt.Sprintln(v))
		for _, handler := range []func(*bytes.Buffer) slog.Handler{
			func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var b bytes.Buffer
			slog.New(handler(&b)).Info("message", "value", v)
			clean(t, name+" by slog", b.String())
		}
		if b, err := json.Marshal(v); err == nil {
			clean(t, name+" by json", string(b))
		}
		if b, err := xml.Marshal(v); err == nil {
			clean(t, name+" by xml", string(b))
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, s); got != Redacted {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if s.String() != Redacted || s.GoString() != Redacted || s.LogValue().String() != Redacted {
		t.Error("not redacted")
	}
	if b, err := json.Marshal(s); err != nil || string(b) != `"[redacted]"` {
		t.Errorf("json %s, %v", b, err)
	}
}

func clean(t *testing.T, where string, outputs ...string) {
	t.Helper()
	for _, out := range outputs {
		for _, form := range []string{canary, hex.EncodeToString([]byte(canary)), strings.ToUpper(hex.EncodeToString([]byte(canary)))} {
			if strings.Contains(out, form) {
				t.Errorf("%s tells it: %s", where, out)
			}
		}
	}
}

func TestSecretIsNotStored(t *testing.T) {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(New(canary)); err == nil {
		t.Error("gob stored it")
	}
	if err := gob.NewEncoder(&b).Encode(struct{ Password Secret }{New(canary)}); err == nil {
		t.Error("gob stored it in a struct")
	}
	if _, err := New(canary).MarshalBinary(); err == nil {
		t.Error("it was marshalled")
	}
	clean(t, "gob", b.String())
}

func TestRevealAndEmpty(t *testing.T) {
	if New(canary).Reveal() != canary || New(canary).Empty() {
		t.Error("not what it was made of")
	}
	if !(Secret{}).Empty() || !New("").Empty() || (Secret{}).Reveal() != "" || fmt.Sprint(Secret{}) != Redacted {
		t.Error("the zero secret is not empty")
	}
}

// gives checks what a source gives.
func gives(t *testing.T, s Source, want string) {
	t.Helper()
	got, err := s(t.Context())
	if err != nil || got.Reveal() != want {
		t.Errorf("got %q, %v, want %q", got.Reveal(), err, want)
	}
}

// fails checks that a source gives nothing, with an error that says so and tells no secret.
func fails(t *testing.T, s Source, words ...string) {
	t.Helper()
	got, err := s(t.Context())
	if err == nil || !got.Empty() {
		t.Fatalf("got %q, %v", got.Reveal(), err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
	clean(t, "error", err.Error())
}

func TestFixedAndPrompt(t *testing.T) {
	gives(t, Fixed(New(canary)), canary)
	gives(t, Prompt(func(context.Context) (Secret, error) { return New(canary), nil }), canary)
	left := errors.New("left")
	_, err := Prompt(func(context.Context) (Secret, error) { return New(canary), left })(t.Context())
	if !errors.Is(err, left) {
		t.Errorf("error %v", err)
	}
}
