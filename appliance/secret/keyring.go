package secret

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"holdfast/appliance"
)

// keyringLimit is how long the keyring may take. A locked one asks its user on the desktop, if there is one.
const keyringLimit = 10 * time.Second

// Keyring gives what the operating system's keyring holds for that service and user. An error says whether there is no
// such entry, or the keyring is locked or absent.
func Keyring(service, user string) Source {
	return keyringSource(service, user, keyring.Get, keyringLimit)
}

func keyringSource(service, user string, get func(service, user string) (string, error), limit time.Duration) Source {
	return func(ctx context.Context) (Secret, error) {
		type answer struct {
			value string
			err   error
		}
		// The keyring's own calls cannot be cancelled: one that never returns keeps its goroutine.
		answers := make(chan answer, 1)
		go func() {
			v, err := get(service, user)
			answers <- answer{v, err}
		}()
		timer := time.NewTimer(limit)
		defer timer.Stop()
		where := fmt.Sprintf("keyring entry %q of user %q", service, user)
		select {
		case <-ctx.Done():
			return Secret{}, fmt.Errorf("%s: %w", where, ctx.Err())
		case <-timer.C:
			return Secret{}, fmt.Errorf("%s: the keyring is locked or does not answer (%s)", where, limit)
		case a := <-answers:
			return keyringAnswer(where, a.value, a.err)
		}
	}
}

func keyringAnswer(where, value string, err error) (Secret, error) {
	switch {
	case errors.Is(err, keyring.ErrNotFound), err == nil && value == "":
		return Secret{}, fmt.Errorf("%s: absent", where)
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return Secret{}, fmt.Errorf("%s: there is no keyring on this system", where)
	case err != nil:
		return Secret{}, fmt.Errorf("%s: the keyring is locked or not there: %s", where, appliance.Label(err.Error()))
	}
	return New(value), nil
}
