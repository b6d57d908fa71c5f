package config

import (
	"log/slog"
	"strconv"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// general is the keys before the first table.
func general() section[Config] {
	return section[Config]{
		settings: []setting[Config]{
			word("role", "What the person at this terminal may do: a viewer looks, an operator acts, an admin also confirms "+
				"changed keys.", func(c *Config) *policy.Role { return &c.Role }, parseRole, policy.Role.String),
			boolean("read_only", "Change nothing on any appliance in any run, as --read-only does for one.",
				func(c *Config) *bool { return &c.ReadOnly }),
			text("state_dir", "Where the journal, the confirmed keys (known_appliances), the tokens of held locks and the log "+
				"are kept. Empty: holdfast in the state folder of your system, ~/.local/state on Linux.",
				func(c *Config) *string { return &c.StateDir }, checkPath),
			choice("on_drop", "What becomes of the locks that you hold when the line drops or a signal ends the program. leave: "+
				"they stay until they expire, and the next run takes them up. release: they are given back first.",
				func(c *Config) *string { return &c.OnDrop }, DropLeave, DropRelease),
			whole("journal_days", "How many days the journal tells what was done. What is held, or not known to have ended, stays "+
				"longer.",
				func(c *Config) *int { return &c.JournalDays }, 1, mostJournalDays),
			choice("theme", "Colours: "+oneOf(Themes())+". auto looks at the background of the terminal; NO_COLOR in the "+
				"environment means none.", func(c *Config) *string { return &c.Theme }, Themes()...),
			boolean("ascii", "Draw with ASCII only: no lines, no symbols.", func(c *Config) *bool { return &c.ASCII }),
			boolean("mouse", "Take the mouse. The terminal's own selecting then needs shift.",
				func(c *Config) *bool { return &c.Mouse }),
		},
		tables: map[string]section[Config]{"log": logging(), "warn": warnings()},
	}
}

// mostJournalDays bounds journal_days to ten years.
const mostJournalDays = 3660

func logging() section[Config] {
	return section[Config]{
		name: "[log]", doc: "The log goes to a file that only you can read, never to the screen, and holds no secret.",
		settings: []setting[Config]{
			text("file", "Where it is written. Empty: holdfast.log in state_dir.",
				func(c *Config) *string { return &c.Log.File }, checkPath),
			word("level", "How much: debug, info, warn or error.", func(c *Config) *slog.Level { return &c.Log.Level },
				parseLevel, showLevel),
		},
	}
}

func warnings() section[Config] {
	const year = 366
	return section[Config]{
		name: "[warn]", doc: "When to warn. 0 never does.",
		settings: []setting[Config]{
			whole("password_days", "This many days before your password at an appliance ends.",
				func(c *Config) *int { return &c.Warn.PasswordDays }, 0, year),
			whole("certificate_days", "This many days before the certificate of an appliance ends.",
				func(c *Config) *int { return &c.Warn.CertificateDays }, 0, year),
			span("backup_age", `Age of the newest backup of an appliance; "0s" never warns.`,
				func(c *Config) *time.Duration { return &c.Warn.BackupAge }, 0, year*day),
		},
	}
}

// keysDoc documents the table [keys], whose keys are the actions that the screen knows.
const keysDoc = "Other keys for actions. The name of each action is in the help (?). An empty list takes its keys away."

// keysSample is shown in the example.
const keysSample = `acquire = ["a", "insert"]`

// shared is what may be said in [defaults] and again for one appliance.
func shared() section[Appliance] {
	return section[Appliance]{
		name:     "[defaults]",
		doc:      "What every appliance starts from. Each of these may stand in an [[appliance]] too, and wins there.",
		settings: append(append(account(), connection()...), broker()...),
		tables:   map[string]section[Appliance]{"intervals": intervals()},
	}
}

func account() []setting[Appliance] {
	return []setting[Appliance]{
		text("user", "The account to log in with.", func(a *Appliance) *string { return &a.User }, checkUser),
		text("password_env", "Where the password comes from: one of the five that follow. password_env: an environment "+
			"variable, which is taken out of the environment once read.",
			func(a *Appliance) *string { return &a.Password.Env }, checkEnv),
		text("password_file", "password_file: a file that only you can read (chmod 0600).",
			func(a *Appliance) *string { return &a.Password.File }, checkPath),
		list("password_command", "password_command: a program and its arguments, run without a shell, such as "+
			`["pass", "show", "lxca"]. Its output is the password.`,
			func(a *Appliance) *[]string { return &a.Password.Command }, parseArgument),
		keyring(),
		boolean("password_prompt", "password_prompt: you are asked. So it is when none of the others is set.",
			func(a *Appliance) *bool { return &a.Password.Prompt }),
		text("ca_file", "Trust the certificates that this CA signed (PEM) and no other. Empty: the CAs of your system. The "+
			"pin of an appliance, or a key that you confirmed with `holdfast trust NAME`, wins.",
			func(a *Appliance) *string { return &a.Trust.CAFile }, checkPath),
		boolean("read_only", "Change nothing on the appliance.", func(a *Appliance) *bool { return &a.ReadOnly }),
		list("mount_points", "LXCA: shares to offer for copies and moves beside those on which backups are seen.",
			func(a *Appliance) *[]appliance.Location { return &a.MountPoints }, parseMountPoint).of(appliance.LXCA),
	}
}

func connection() []setting[Appliance] {
	return []setting[Appliance]{
		choice("proxy", "none, or environment: as HTTPS_PROXY and NO_PROXY in the environment say.",
			func(a *Appliance) *string { return &a.Proxy }, ProxyNone, ProxyEnvironment),
		word("min_tls", "Oldest TLS version to accept: "+oneOf(protocols)+". Below 1.2 only for what cannot be updated.",
			func(a *Appliance) *uint16 { return &a.MinTLS }, parseTLS, showTLS),
	}
}

// broker is the settings of an ECB alone.
func broker() []setting[Appliance] {
	all := []setting[Appliance]{
		text("api_version", "ECB: the API version that is tried first. What the appliance offers is found out.",
			func(a *Appliance) *string { return &a.APIVersion }, checkVersion),
		span("token_lifetime", "ECB: how long an access token, and with it the lock, lasts. The appliance does not tell; "+
			"never set it longer than it really is.",
			func(a *Appliance) *time.Duration { return &a.TokenLifetime }, time.Second, day),
		choice("renewal_form", "ECB: how a token is sent to be renewed: raw (the token alone), accessToken or token (as the "+
			"value of that form field).",
			func(a *Appliance) *string { return &a.RenewalForm }, RenewalRaw, RenewalAccessToken, RenewalToken),
		boolean("renewal_content_type_bare", "ECB: send the renewal as x-www-form-urlencoded, without application/ in front.",
			func(a *Appliance) *bool { return &a.BareContentType }),
		choice("token_store", "ECB: where the token that owns the lock is kept, so that the next run can give the lock back "+
			"when this one is killed: file (in state_dir, only you can read it) or keyring (of your system, which has to be "+
			"unlocked). Where it cannot be kept, no lock is taken.",
			func(a *Appliance) *string { return &a.TokenStore }, StoreFile, StoreKeyring),
		boolean("observer_probe", "ECB: ask every ten seconds whose the lock is while you do not hold it. The API has no such "+
			"question: an unlock is sent with a token that owns nothing, and how it is refused tells. WARNING: that is safe "+
			"only where the lock belongs to a token, as the vendor's pages say. A release that compares user names instead "+
			"would give back a lock that another session of the same user holds; give Holdfast an account of its own "+
			"there. The first sign of it switches the probe off.",
			func(a *Appliance) *bool { return &a.ObserverProbe }),
	}
	for i := range all {
		all[i] = all[i].of(appliance.ECB)
	}
	return all
}

func intervals() section[Appliance] {
	every := func(key, doc string, at func(*Appliance) *time.Duration) setting[Appliance] {
		return span(key, doc, at, time.Second, day)
	}
	return section[Appliance]{
		name: "[defaults.intervals]", doc: `How often an appliance is asked, from "1s" to "1d". For one appliance: ` +
			"[appliance.intervals] below its keys.",
		short: true,
		settings: []setting[Appliance]{
			every("locks", "who holds which", func(a *Appliance) *time.Duration { return &a.Intervals.Locks }),
			every("backups", "and how full the repository is", func(a *Appliance) *time.Duration { return &a.Intervals.Backups }),
			every("jobs", "while none runs", func(a *Appliance) *time.Duration { return &a.Intervals.Jobs }),
			every("jobs_busy", "while one runs", func(a *Appliance) *time.Duration { return &a.Intervals.JobsBusy }),
			every("health", "version, account, services", func(a *Appliance) *time.Duration { return &a.Intervals.Health }),
		},
	}
}

// own is what can only be said of one appliance.
func own() []setting[Appliance] {
	asIs := func(k appliance.Kind) string { return string(k) }
	return []setting[Appliance]{
		text("name", "Its name on the screen, in commands and in the journal: letters, digits, dots, hyphens, underscores.",
			func(a *Appliance) *string { return &a.Name }, checkName),
		word("kind", "lxca: Lenovo XClarity Administrator. ecb: Oracle Enterprise Communications Broker.",
			func(a *Appliance) *appliance.Kind { return &a.Kind }, parseKind, asIs),
		text("url", "https://, host and, unless it is 443, port.", func(a *Appliance) *string { return &a.URL }, checkURL),
		text("address", "The IP address or host name by which other appliances reach it: a push to it names that. Empty: the "+
			"host of url.", func(a *Appliance) *string { return &a.Address }, checkAddress),
		text("pin", "Trust this public key and no other: sha256//…, as `holdfast trust NAME` shows it. Empty: a key that "+
			"you confirm there, else ca_file.", func(a *Appliance) *string { return &a.Trust.Pin }, checkPin),
	}
}

// appliances is all that an [[appliance]] may say.
func appliances() section[Appliance] {
	s := shared()
	s.name, s.settings = "[[appliance]]", append(own(), s.settings...)
	within := intervals()
	within.name = "[appliance.intervals]"
	s.tables = map[string]section[Appliance]{"intervals": within}
	return s
}

// keyring is a service name, or true for our own.
func keyring() setting[Appliance] {
	const service = "holdfast"
	s := text("password_keyring", "password_keyring: the keyring of your system. true, or the service name of the entry "+
		"if that is not "+service+". The account of the entry is the name of the appliance.",
		func(a *Appliance) *string { return &a.Password.Keyring }, checkService)
	asText := s.read
	s.read = func(o Options, a *Appliance, raw any) error {
		switch raw {
		case true:
			raw = service
		case false:
			raw = ""
		}
		if _, ok := raw.(string); !ok {
			return errKeyring
		}
		return asText(o, a, raw)
	}
	s.show = func(a *Appliance) string {
		if a.Password.Keyring == "" {
			return "false"
		}
		return strconv.Quote(a.Password.Keyring)
	}
	return s
}
