// Package config reads the settings of Holdfast: a TOML file becomes validated values, or a list of everything that is
// wrong with it, each with its place and what to do. It holds no secret; it names where secrets come from.
//
// The tables in settings.go are the one truth about what can be set: they read the file, they tell unknown keys from
// known ones, and Example is written from them.
package config

import (
	"crypto/tls"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// Config is all settings of a run, validated, with every default filled in and every path absolute.
type Config struct {
	Path     string      // the file they came from
	Role     policy.Role // what the person at a local terminal may do
	ReadOnly bool        // nothing may be changed anywhere
	StateDir string      // journal, pins, tokens, log
	OnDrop   string      // what becomes of locks when the line drops or a signal ends the program: DropLeave or DropRelease
	// JournalDays is how long the journal tells what was done.
	JournalDays int
	Log         Log
	Theme       string // a word of Themes
	ASCII       bool   // no box drawing, no symbols
	Mouse       bool
	Keys        map[string][]string // action -> the keys that replace its usual ones; none: the action has no key
	Warn        Warn
	// Defaults is what every appliance starts from.
	Defaults   Appliance
	Appliances []Appliance // at least one, in the order of the file

	keyAt map[string][]Position // where each action of Keys was written, and behind that each of its keys
}

// Log says where the log goes and how much is written.
type Log struct {
	File  string
	Level slog.Level
}

// Warn says when to warn; zero switches a warning off.
type Warn struct {
	PasswordDays    int           // before the password at an appliance ends
	CertificateDays int           // before an appliance's certificate ends
	BackupAge       time.Duration // age of the newest backup
}

// Appliance is the settings of one appliance.
type Appliance struct {
	Name        string
	Kind        appliance.Kind
	URL         string // canonical: https://host[:port]
	Address     string // by which other appliances reach it: what a push to it names
	User        string
	Password    PasswordFrom
	Trust       Trust
	ReadOnly    bool
	MountPoints []appliance.Location // LXCA: shares to offer beside those that its backups are seen on
	Intervals   Intervals
	Proxy       string // ProxyNone or ProxyEnvironment (faults.md NET-12)
	MinTLS      uint16 // tls.VersionTLS10 to tls.VersionTLS13 (faults.md TLS-06)

	// Of an ECB only.
	APIVersion      string        // tried first, as v1.1 (api/ecb.md 1.4)
	TokenLifetime   time.Duration // the API does not tell it (api/ecb.md 2.1)
	RenewalForm     string        // body of a token renewal: RenewalRaw, RenewalAccessToken or RenewalToken (api/ecb.md 2.2)
	BareContentType bool          // renewal says x-www-form-urlencoded without application/, as the page spells it
	TokenStore      string        // of the token that owns the lock: StoreFile or StoreKeyring (faults.md SEC-03)
	ObserverProbe   bool          // ask whose the lock is, which is not without danger (api/ecb.md 3.4)
}

// Words for Config.OnDrop (faults.md LCK-11).
const (
	DropLeave   = "leave"
	DropRelease = "release"
)

// Words for Appliance.TokenStore.
const (
	StoreFile    = "file"
	StoreKeyring = "keyring"
)

// Words for Appliance.Proxy.
const (
	ProxyNone        = "none"
	ProxyEnvironment = "environment"
)

// Words for Appliance.RenewalForm: the token alone, or as the value of a form field of that name (api/ecb.md 2.2).
const (
	RenewalRaw         = "raw"
	RenewalAccessToken = "accessToken"
	RenewalToken       = "token"
)

// PasswordFrom says where a password comes from. Exactly one member is set.
type PasswordFrom struct {
	Env     string   // environment variable
	File    string   // absolute path of a file that only we can read
	Command []string // program and arguments; its first line of output is the password
	Keyring string   // service name in the OS keyring; the account there is the appliance's name
	Prompt  bool     // the operator is asked
}

// Trust says whom to believe to be the appliance. A pin wins over a CA file; with neither, a pin that an operator
// confirmed or the system's CAs decide. Nothing can switch the check off (faults.md TLS-07).
type Trust struct {
	Pin    string // sha256//BASE64 of the public key
	CAFile string // absolute path, PEM
}

// Intervals says how often what is asked.
type Intervals struct {
	Locks    time.Duration
	Backups  time.Duration
	Jobs     time.Duration
	JobsBusy time.Duration // while a job runs
	Health   time.Duration
}

// Themes are the words that the setting theme may have.
func Themes() []string {
	return []string{"auto", "dark", "light", "high-contrast", "colour-blind", "16-colour", "none"}
}

// defaults is the settings of a file that sets nothing.
func defaults() Config {
	return Config{
		Role:        policy.Admin,
		OnDrop:      DropLeave,
		JournalDays: 90,
		Log:         Log{Level: slog.LevelInfo},
		Theme:       "auto",
		Keys:        map[string][]string{},
		Warn:        Warn{PasswordDays: 14, CertificateDays: 14, BackupAge: 8 * day},
		Defaults: Appliance{
			Password: PasswordFrom{Prompt: true},
			Intervals: Intervals{
				Locks: 10 * time.Second, Backups: time.Minute,
				Jobs: 10 * time.Second, JobsBusy: 2 * time.Second,
				Health: time.Minute,
			},
			Proxy:         ProxyNone,
			MinTLS:        tls.VersionTLS12,
			APIVersion:    "v1.1",
			TokenLifetime: 10 * time.Minute,
			RenewalForm:   RenewalRaw,
			TokenStore:    StoreFile,
		},
	}
}

// Options is what a file leaves to its surroundings.
type Options struct {
	Dir   string // relative paths begin here: the folder of the file
	Home  string // stands for ~
	State string // the state folder when the file names none
}

// Parse reads the settings in data. The name is for messages. Every error is an *Error that lists all problems.
func Parse(name string, data []byte, o Options) (*Config, error) {
	root, err := decode(name, data)
	if err != nil {
		return nil, err
	}
	p := &parser{file: name, opts: o, at: locate(data)}
	c := defaults()
	c.Path = name
	p.config(root, &c)
	if len(p.problems) > 0 {
		slices.SortStableFunc(p.problems, Problem.compare)
		return nil, &Error{Problems: p.problems}
	}
	if c.StateDir == "" {
		c.StateDir = o.State
	}
	if c.Log.File == "" {
		c.Log.File = filepath.Join(c.StateDir, "holdfast.log")
	}
	return &c, nil
}

// Appliance returns the settings of the appliance of that name.
func (c *Config) Appliance(name string) (Appliance, bool) {
	i := slices.IndexFunc(c.Appliances, func(a Appliance) bool { return a.Name == name })
	if i < 0 {
		return Appliance{}, false
	}
	return c.Appliances[i], true
}
