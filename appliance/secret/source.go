package secret

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"holdfast/appliance"
)

// Source tells where a secret comes from. It may ask a person or run a program, so it may take as long as its context
// allows. Its errors name the place and never the secret.
type Source func(ctx context.Context) (Secret, error)

// sizeLimit is how much a file or a command may give, in bytes.
const sizeLimit = 4096

// Fixed always gives s.
func Fixed(s Secret) Source {
	return func(context.Context) (Secret, error) { return s, nil }
}

// Password asks s for the password of user. An error wraps appliance.ErrNoPassword, and so does an empty one; only when the
// caller left meanwhile nothing is known of the password.
func (s Source) Password(ctx context.Context, user string) (Secret, error) {
	got, err := s(ctx)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return Secret{}, fmt.Errorf("password for %s: %w", appliance.Label(user), err)
	case err != nil:
		return Secret{}, fmt.Errorf("%w for %s: %w", appliance.ErrNoPassword, appliance.Label(user), err)
	case got.Empty():
		return Secret{}, fmt.Errorf("%w for %s: what was given is empty", appliance.ErrNoPassword, appliance.Label(user))
	}
	return got, nil
}

// Prompt asks a person by ask. An empty answer is an error.
func Prompt(ask func(ctx context.Context) (Secret, error)) Source {
	return func(ctx context.Context) (Secret, error) {
		s, err := ask(ctx)
		if err != nil {
			return Secret{}, err // it comes from whoever asked, in the words for the person who was
		}
		if s.Empty() {
			return Secret{}, errors.New("nothing was entered")
		}
		return s, nil
	}
}

// environment remembers the variables that were read and unset. It is one for the process, as the environment is: two
// appliances may name the same variable, and the second finds it unset already.
var environment = struct {
	sync.Mutex
	values map[string]Secret
}{values: map[string]Secret{}}

// Env gives the environment variable name. The variable is unset as soon as it was read, so that no child inherits it
// (faults.md SEC-02); later reads of the same name give the remembered value. Unset or empty is an error.
func Env(name string) Source {
	return func(context.Context) (Secret, error) {
		environment.Lock()
		defer environment.Unlock()
		if v := os.Getenv(name); v != "" {
			if err := os.Unsetenv(name); err != nil {
				return Secret{}, fmt.Errorf("environment variable %q: cannot be unset", name)
			}
			environment.values[name] = New(v)
		}
		if s, ok := environment.values[name]; ok {
			return s, nil
		}
		return Secret{}, fmt.Errorf("environment variable %q is not set", name)
	}
}

// flight is one run of a source that several callers wait for.
type flight struct {
	done   chan struct{}
	secret Secret
	err    error
}

// Once asks source once and remembers what it gave. Callers that come meanwhile wait for the same answer and share its
// error; a later call asks again. When the asking caller gave up, one of those that wait asks in its place.
func Once(source Source) Source { return Remember(source).Get }

// Memory is a source that is asked once and remembered until it is told to forget, as Once does for ever.
type Memory struct {
	source Source
	mu     sync.Mutex
	known  *Secret
	flying *flight
}

// Remember makes a memory of source.
func Remember(source Source) *Memory { return &Memory{source: source} }

// Forget has the source asked again next time: what it gave was not right.
func (o *Memory) Forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = nil
}

// Get is the Source.
func (o *Memory) Get(ctx context.Context) (Secret, error) {
	for {
		f, mine, known := o.join()
		if known != nil {
			return *known, nil
		}
		if mine {
			return o.fly(ctx, f)
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Secret{}, ctx.Err()
		}
		gaveUp := errors.Is(f.err, context.Canceled) || errors.Is(f.err, context.DeadlineExceeded)
		if !gaveUp || ctx.Err() != nil {
			return f.secret, f.err
		}
	}
}

// join returns what is known, or the flight to wait for; mine tells that the caller has to make it.
func (o *Memory) join() (f *flight, mine bool, known *Secret) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known != nil {
		return nil, false, o.known
	}
	if o.flying != nil {
		return o.flying, false, nil
	}
	o.flying = &flight{done: make(chan struct{}), err: errors.New("asking for the secret broke off")}
	return o.flying, true, nil
}

// fly asks the source and tells everybody, even when the source panics.
func (o *Memory) fly(ctx context.Context, f *flight) (Secret, error) {
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flying = nil
		if f.err == nil {
			o.known = &f.secret
		}
		close(f.done)
	}()
	f.secret, f.err = o.source(ctx)
	return f.secret, f.err
}

// trimNewline takes one line end off.
func trimNewline(s string) string { return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r") }
