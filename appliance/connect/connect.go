// Package connect makes the client of an appliance from its settings. It holds the one switch on an appliance's kind: from
// here on what an appliance can do is found by asking for an interface.
package connect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/config"
	"holdfast/appliance/ecb"
	"holdfast/appliance/lxca"
	"holdfast/appliance/secret"
	"holdfast/appliance/tokens"
	"holdfast/appliance/transport"
)

// Deps is what clients share, or what a run gives them.
type Deps struct {
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error) // nil: a net.Dialer
	Clock    *clock.Clock
	Log      *slog.Logger     // nil: none
	Known    *transport.Known // pins that somebody confirmed; nil: none
	ReadOnly bool             // the run is read-only
	Remember int              // how many of its last exchanges each client can tell; 0: what a client does by itself
	// Prompt asks the operator for the password of user at the appliance name. Nil: nobody can be asked.
	Prompt func(ctx context.Context, user, name string) (secret.Secret, error)
	// StateDir is the state folder and Engine the id of the engine that holds what the clients lock: tokens are kept for a
	// restart there, under that id. Either empty: they are not.
	StateDir string
	Engine   string
}

// ErrNoPrompt tells that a password is to be asked for and nobody is there to ask.
var ErrNoPrompt = errors.New("nobody can be asked for it here: set password_file, password_command, password_keyring or " +
	"password_env")

// New makes the client of an appliance. It sends nothing and asks for no password yet. It fails on what cannot be used
// as configured, such as a CA file that cannot be read.
func New(a config.Appliance, d Deps) (appliance.Appliance, error) {
	o, err := TransportOptions(a, d)
	if err != nil {
		return nil, err
	}
	t, err := transport.New(o)
	if err != nil {
		return nil, err
	}
	password := secret.Remember(source(a, d))
	switch a.Kind {
	case appliance.LXCA:
		return lxca.New(lxca.Options{Name: a.Name, User: a.User, Password: password.Get, Forget: password.Forget, Transport: t}), nil
	case appliance.ECB:
		return ecb.New(ecb.Options{
			Name: a.Name, User: a.User, Password: password.Get, Forget: password.Forget, Transport: t,
			Version: a.APIVersion, TokenLifetime: a.TokenLifetime, RenewalForm: ecb.RenewalForm(a.RenewalForm),
			BareContentType: a.BareContentType, Clock: o.Clock, Tokens: store(a, d), Engine: d.Engine, ObserverProbe: a.ObserverProbe,
		}), nil
	default:
		return nil, fmt.Errorf("%s: there is no client for kind %q", a.Name, a.Kind)
	}
}

// TransportOptions is how an appliance is reached and whom to believe there: the pin of the settings, else one that
// somebody confirmed, else the CA file, else the system's CAs (faults.md TLS-01).
func TransportOptions(a config.Appliance, d Deps) (transport.Options, error) {
	if _, _, err := transport.Canonical(a.URL); err != nil {
		return transport.Options{}, fmt.Errorf("%s: %w", a.Name, err)
	}
	if d.Clock == nil {
		d.Clock = clock.System()
	}
	return transport.Options{
		Name: a.Name, URL: a.URL, Dial: d.Dial, MinTLS: a.MinTLS,
		Trust: transport.Trust{Pin: a.Trust.Pin, Known: d.Known, CAFile: a.Trust.CAFile},
		Proxy: a.Proxy == config.ProxyEnvironment, ReadOnly: a.ReadOnly || d.ReadOnly,
		Clock: d.Clock, Log: d.Log, Remember: d.Remember,
	}, nil
}

// store is where the token is kept that owns a lock.
func store(a config.Appliance, d Deps) ecb.Tokens {
	switch {
	case d.StateDir == "" || d.Engine == "":
		return nil
	case a.TokenStore == config.StoreKeyring:
		return tokens.InKeyring(a.Name)
	default:
		return tokens.InFolder(d.StateDir, a.Name)
	}
}

// source is where the password comes from.
func source(a config.Appliance, d Deps) secret.Source {
	switch from := a.Password; {
	case from.Env != "":
		return secret.Env(from.Env)
	case from.File != "":
		return secret.File(from.File)
	case len(from.Command) > 0:
		return secret.Command(from.Command)
	case from.Keyring != "":
		return secret.Keyring(from.Keyring, a.Name)
	default:
		return secret.Prompt(func(ctx context.Context) (secret.Secret, error) {
			if d.Prompt == nil {
				return secret.Secret{}, ErrNoPrompt
			}
			return d.Prompt(ctx, a.User, a.Name)
		})
	}
}
