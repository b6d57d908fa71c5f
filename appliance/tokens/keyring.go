package tokens

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"holdfast/appliance"
	"holdfast/appliance/ecb"
	"holdfast/appliance/secret"
)

// Service is the service name of the records in the keyring.
const Service = "holdfast-tokens"

// keyringLimit is how long the keyring may take for one call. A locked one asks its user on the desktop, if there is one.
const keyringLimit = 10 * time.Second

// Keyring keeps each record as an entry of the keyring of the operating system.
type Keyring struct {
	appliance string
	limit     time.Duration
	set       func(service, user, value string) error
	get       func(service, user string) (string, error)
	remove    func(service, user string) error
	// busy holds one value while a call is on its way. The keyring's own calls cannot be cancelled: a Set that was given up
	// may still come through, so that none is begun before the one before has ended.
	busy chan struct{}
}

var _ ecb.Tokens = (*Keyring)(nil)

// InKeyring is the store of an appliance in the keyring. It asks nothing yet.
func InKeyring(appliance string) *Keyring {
	return &Keyring{
		appliance: appliance, limit: keyringLimit, set: keyring.Set, get: keyring.Get, remove: keyring.Delete,
		busy: make(chan struct{}, 1),
	}
}

// Keep sets the entry of an engine.
func (r *Keyring) Keep(ctx context.Context, engine string, k ecb.Kept) error {
	data, err := encode(engine, r.appliance, k)
	if err != nil {
		return err
	}
	_, err = r.call(ctx, "keep", engine, func(account string) (string, error) {
		return "", hide(r.set(Service, account, string(data)), k)
	})
	return err
}

// Kept reads the entry of an engine.
func (r *Keyring) Kept(ctx context.Context, engine string) (ecb.Kept, error) {
	data, err := r.call(ctx, "read", engine, func(account string) (string, error) { return r.get(Service, account) })
	if errors.Is(err, keyring.ErrNotFound) {
		return ecb.Kept{}, fmt.Errorf("%w: nothing is kept of it", appliance.ErrGone)
	}
	if err != nil {
		return ecb.Kept{}, err
	}
	k, err := decode(engine, r.appliance, []byte(data))
	if err != nil {
		return ecb.Kept{}, fmt.Errorf("keyring entry of service %q: it %w", Service, err)
	}
	return k, nil
}

// Forget removes the entry of an engine.
func (r *Keyring) Forget(ctx context.Context, engine string) error {
	_, err := r.call(ctx, "remove", engine, func(account string) (string, error) { return "", r.remove(Service, account) })
	if errors.Is(err, keyring.ErrNotFound) {
		return nil
	}
	return err
}

// call has the keyring do one thing, in bounded time.
func (r *Keyring) call(ctx context.Context, verb, engine string, do func(account string) (string, error)) (string, error) {
	account, err := name(engine, r.appliance)
	if err != nil {
		return "", err
	}
	what := fmt.Sprintf("%s the keyring entry %q of service %q", verb, account, Service)
	ctx, cancel := context.WithTimeoutCause(ctx, r.limit, errSlow)
	defer cancel()
	select {
	case r.busy <- struct{}{}:
	case <-ctx.Done():
		return "", r.gaveUp(ctx, what)
	}
	type answer struct {
		value string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() { <-r.busy }()
		v, err := do(account)
		answers <- answer{v, err}
	}()
	select {
	case a := <-answers:
		return a.value, wrap(what, a.err)
	case <-ctx.Done():
		return "", r.gaveUp(ctx, what)
	}
}

// errSlow is the cause of a call that takes too long.
var errSlow = errors.New("the keyring is locked or does not answer")

const advice = `unlock it, or set token_store = "file"`

func (r *Keyring) gaveUp(ctx context.Context, what string) error {
	if cause := context.Cause(ctx); !errors.Is(cause, errSlow) {
		return fmt.Errorf("%s: %w", what, cause)
	}
	return fmt.Errorf("%s: %w (%s); %s", what, errSlow, r.limit, advice)
}

func wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, keyring.ErrNotFound):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return fmt.Errorf(`%s: there is no keyring on this system; set token_store = "file"`, what)
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return fmt.Errorf(`%s: the keyring does not take entries of that size; set token_store = "file"`, what)
	default:
		return fmt.Errorf("%s: the keyring is locked or not there: %s; %s", what, appliance.Label(err.Error()), advice)
	}
}

// hide takes the tokens out of an error's words, should a keyring repeat what it was given.
func hide(err error, k ecb.Kept) error {
	if err == nil {
		return nil
	}
	for _, t := range []secret.Secret{k.Token.Text, k.Next.Text} {
		if !t.Empty() && strings.Contains(err.Error(), t.Reveal()) {
			return errors.New("it refuses the entry")
		}
	}
	return err
}
