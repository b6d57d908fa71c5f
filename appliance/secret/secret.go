// Package secret holds passwords and tokens: a value that prints [redacted] wherever it ends up, and the places that one
// may come from (design.md 2, faults.md SEC-01 to SEC-04).
package secret

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what stands where a secret would.
const Redacted = "[redacted]"

// Secret is a password or a token. Every way to print or to marshal it gives Redacted or an error; only Reveal tells it.
// The zero value is empty.
type Secret struct {
	// A pointer, since fmt calls no method on an unexported field of somebody else's struct: there it prints an address.
	value *string
}

// New makes a secret of s.
func New(s string) Secret { return Secret{&s} }

// Reveal is the secret itself, for the one place that sends it.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// Empty reports whether there is nothing to hide.
func (s Secret) Empty() bool { return s.Reveal() == "" }

// Format writes Redacted for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String is Redacted.
func (s Secret) String() string { return Redacted }

// GoString is Redacted.
func (s Secret) GoString() string { return Redacted }

// LogValue is Redacted.
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText writes Redacted.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalJSON writes Redacted as a string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// errStored refuses encodings that are meant for storing: a redacted value that is read back would be a wrong password.
var errStored = errors.New("a secret is not stored in binary form")

// MarshalBinary refuses.
func (s Secret) MarshalBinary() ([]byte, error) { return nil, errStored }

// GobEncode refuses.
func (s Secret) GobEncode() ([]byte, error) { return nil, errStored }
