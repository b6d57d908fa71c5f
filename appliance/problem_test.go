package appliance_test

import (
	"errors"
	"fmt"
	"testing"

	"holdfast/appliance"
)

func message(id, text, explanation, recovery string) appliance.Message {
	return appliance.Message{
		ID: appliance.Label(id), Text: appliance.Words(text),
		Explanation: appliance.Words(explanation), Recovery: appliance.Words(recovery),
	}
}

func TestMessageString(t *testing.T) {
	cases := []struct {
		m    appliance.Message
		want string
	}{
		{message("", "", "", ""), ""},
		{message("FQXHMSE0001I", "Done.", "", ""), "Done. [FQXHMSE0001I]"},
		{message("FQX", "Not done.", "The share is full.", "Make room."), "Not done. The share is full. Make room. [FQX]"},
		{message("", "  ", "Why.", " "), "Why."},
		{message("FQX", "", "", ""), "[FQX]"},
		{message("F\x1bX", "a\nb", "", ""), "a␊b [F␛X]"},
	}
	for _, c := range cases {
		if got := c.m.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func TestRefusal(t *testing.T) {
	held := message("FQX1", "Locked by another user.", "", "")
	full := message("FQX2", "No space.", "", "Make room.")
	cases := []struct {
		name   string
		r      appliance.Refusal
		want   string
		advice string
	}{
		{"status alone", appliance.Refusal{Status: 401}, "401 Unauthorized", ""},
		{
			"one message", appliance.Refusal{Status: 423, Messages: []appliance.Message{held}},
			"423 Locked: Locked by another user. [FQX1]", "",
		},
		{
			"several, an empty one among them", appliance.Refusal{Status: 500, Messages: []appliance.Message{held, {}, full}},
			"500 Internal Server Error: Locked by another user. [FQX1]: No space. Make room. [FQX2]", "Make room.",
		},
		{
			"a failure under 200", appliance.Refusal{Status: 200, Result: appliance.Label("failed"), Messages: []appliance.Message{full}},
			"200 OK, result failed: No space. Make room. [FQX2]", "Make room.",
		},
		{
			"the result adds nothing to an error status", appliance.Refusal{Status: 400, Result: appliance.Label("failure")},
			"400 Bad Request", "",
		},
		{
			"a status without a name", appliance.Refusal{Status: 499, Messages: []appliance.Message{held}},
			"499: Locked by another user. [FQX1]", "",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.r.Error(); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := c.r.Advice().String(); got != c.advice {
				t.Errorf("advice %q, want %q", got, c.advice)
			}
		})
	}
}

func TestRefusalIsItsKind(t *testing.T) {
	kinds := []error{
		appliance.ErrUnreachable, appliance.ErrAmbiguous, appliance.ErrUntrusted, appliance.ErrCredentials, appliance.ErrForbidden,
		appliance.ErrHeld,
		appliance.ErrNotHeld, appliance.ErrUnsupported, appliance.ErrMalformed, appliance.ErrTooLarge, appliance.ErrBusy,
		appliance.ErrReadOnly,
		appliance.ErrGone,
	}
	words := map[string]bool{}
	for _, kind := range kinds {
		words[kind.Error()] = true
		err := fmt.Errorf("taking the lock: %w", &appliance.Refusal{Status: 423, Kind: kind})
		for _, other := range kinds {
			if got := errors.Is(err, other); got != (other == kind) {
				t.Errorf("a refusal of kind %q is %q: %v", kind, other, got)
			}
		}
		var r *appliance.Refusal
		if !errors.As(err, &r) || r.Status != 423 {
			t.Errorf("the refusal is not found in %v", err)
		}
	}
	if len(words) != len(kinds) {
		t.Error("two kinds have the same words")
	}
	bare := &appliance.Refusal{Status: 418}
	for _, kind := range kinds {
		if errors.Is(bare, kind) {
			t.Errorf("a refusal without a kind is %q", kind)
		}
	}
	both := &appliance.Refusal{Status: 503, Kind: errors.Join(appliance.ErrBusy, appliance.ErrAmbiguous)}
	if !errors.Is(both, appliance.ErrBusy) || !errors.Is(both, appliance.ErrAmbiguous) || errors.Is(both, appliance.ErrHeld) {
		t.Error("several kinds at once")
	}
}
