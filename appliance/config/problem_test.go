package config

import (
	"strings"
	"testing"
)

// head begins an appliance to put a fault into: its keys are in the lines 1 to 5.
func head(kind string) string {
	return "[[appliance]]\nname = \"a\"\nkind = \"" + kind + "\"\nurl = \"https://a.example.net\"\nuser = \"u\"\n"
}

var lxca, ecb = head("lxca"), head("ecb")

func check(t *testing.T, text, want string) {
	t.Helper()
	_, err := Parse("c.toml", []byte(text), surroundings)
	switch {
	case err == nil && want != "":
		t.Errorf("accepted\n%s\nwant %s", text, want)
	case err != nil && err.Error() != want:
		t.Errorf("%s\n got %s\nwant %s", text, err, want)
	}
}

func TestShapeOfTheFile(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"role = \"admin\"\ntheme =\n", "c.toml:2:8: not valid TOML: unexpected character U+000A at start of value"},
		{"role = \"admin\"\nrole = \"admin\"\n", "c.toml:2:1: not valid TOML: key role is already defined"},
		{"", "c.toml: no appliance is configured: add an [[appliance]] with name, kind, url and user; " +
			"`holdfast config example` shows how"},
		{"appliance = []", "c.toml: no appliance is configured: add an [[appliance]] with name, kind, url and user; " +
			"`holdfast config example` shows how"},
		{"[appliance]\nname = \"a\"\n",
			"c.toml:1:2: appliance must be a table for each appliance: write [[appliance]], in two brackets"},
		{"appliance = [ 3 ]",
			"c.toml:1:15: appliance must be a table for each appliance: write [[appliance]], in two brackets"},
		{"log = \"debug\"\n" + lxca, "c.toml:1:1: log must be a table: write [log] on a line and its keys below"},
		{"keys = 1\n" + lxca, "c.toml:1:1: keys must be a table: write [keys] on a line and its keys below"},
		{"defaults = 1\n" + lxca, "c.toml:1:1: defaults must be a table: write [defaults] on a line and its keys below"},
		{lxca + "intervals = \"5s\"\n",
			"c.toml:6:1: intervals must be a table: write [appliance.intervals] on a line and its keys below"},
		{"[[appliance]]\n", "c.toml:1:3: the appliance has no kind: add kind = \"lxca\" or \"ecb\"\n" +
			"c.toml:1:3: the appliance has no name: add name = \"dc1-lxca\"\n" +
			"c.toml:1:3: the appliance has no url: add url = \"https://HOST\"\n" +
			"c.toml:1:3: the appliance has no user: add user = \"NAME\", here or in [defaults]"},
		{"appliance = [\n {name = \"a\", kind = \"ecb\", user = \"u\"},\n]",
			"c.toml:2:2: the appliance has no url: add url = \"https://HOST\""},
		{lxca + "[[appliance]]\nname = \"\"\nkind = \"\"\nurl = \"\"\nuser = \"\"\n",
			"c.toml:7:1: the appliance has no name: add name = \"dc1-lxca\"\n" +
				"c.toml:8:1: the appliance has no kind: add kind = \"lxca\" or \"ecb\"\n" +
				"c.toml:9:1: the appliance has no url: add url = \"https://HOST\"\n" +
				"c.toml:10:1: the appliance has no user: add user = \"NAME\", here or in [defaults]"},
		{lxca + "[[appliance]]\nurl = \"https://b\"\nuser = \"u\"\nkind = \"ecb\"\nname = \"A\"\n",
			"c.toml:10:1: name is \"A\", which the appliance in line 2 has already: choose another"},
	} {
		check(t, c.text, c.want)
	}
}

func TestUnknownKeys(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"thme = \"dark\"\n" + lxca, `c.toml:1:1: unknown key "thme" (did you mean "theme"?)`},
		{"Theme = \"dark\"\n" + lxca, `c.toml:1:1: unknown key "Theme" (did you mean "theme"?)`},
		{"applaince = 1\n" + lxca, `c.toml:1:1: unknown key "applaince" (did you mean "appliance"?)`},
		{"quite_another = 1\n" + lxca,
			"c.toml:1:1: unknown key \"quite_another\": `holdfast config example` shows all there are"},
		{"level = \"debug\"\n" + lxca, `c.toml:1:1: unknown key "level": it belongs in [log]`},
		{"\n[log]\n  theme = \"dark\"\n" + lxca,
			`c.toml:3:3: unknown key "theme" in [log]: it belongs in the top of the file, before the first table`},
		{"[log]\nlevle = \"debug\"\n" + lxca, `c.toml:2:1: unknown key "levle" in [log] (did you mean "level"?)`},
		{"warn = { backupage = \"8d\" }\n" + lxca,
			`c.toml:1:10: unknown key "backupage" in [warn] (did you mean "backup_age"?)`},
		{"warn.certificate_dys = 3\n" + lxca,
			`c.toml:1:6: unknown key "certificate_dys" in [warn] (did you mean "certificate_days"?)`},
		{"[defaults]\npin = \"x\"\n" + lxca, `c.toml:2:1: unknown key "pin" in [defaults]: it belongs in [[appliance]]`},
		{lxca + "locks = \"5s\"\n", `c.toml:6:1: unknown key "locks" in [[appliance]]: it belongs in ` +
			`[defaults.intervals] or [appliance.intervals]`},
		{lxca + "[appliance.intervals]\nlock = \"5s\"\n",
			`c.toml:7:1: unknown key "lock" in [appliance.intervals] (did you mean "locks"?)`},
		{lxca + "[appliance.interval]\nlocks = \"5s\"\n",
			`c.toml:6:12: unknown key "interval" in [[appliance]] (did you mean "intervals"?)`},
		{"[logs]\n" + lxca, `c.toml:1:2: unknown key "logs" (did you mean "log"?)`},
		{lxca + "\"us\\u001ber\" = 1\n", `c.toml:6:1: unknown key "us␛er" in [[appliance]] (did you mean "user"?)`},
		{lxca + "password = \"Passw0rd\"\n", `c.toml:6:1: unknown key "password" in [[appliance]]: no secret stands in ` +
			`this file; name where it comes from with password_file, password_command, password_keyring, password_env or ` +
			`password_prompt`},
		{lxca + "mount_point = []\npasword_file = \"x\"\n", "c.toml:6:1: unknown key \"mount_point\" in [[appliance]] " +
			"(did you mean \"mount_points\"?)\nc.toml:7:1: unknown key \"pasword_file\" in [[appliance]] " +
			"(did you mean \"password_file\"?)"},
	} {
		check(t, c.text, c.want)
	}
}

// No word that other programs have for it switches the check of certificates off, anywhere in the file.
func TestFault_TLS07_NoSwitchForVerification(t *testing.T) {
	for _, key := range []string{
		"insecure", "insecure_skip_verify", "InsecureSkipVerify", "skip_verify", "skip_verification", "tls_skip_verify",
		"verify", "verify_ssl", "verify_tls", "ssl_verify", "no_verify", "tls_verify", "skip_tls", "insecure_tls",
	} {
		for where, value := range map[string]string{"": "true", "[defaults]": "true", "[[appliance]]": "false"} {
			text, at := key+" = "+value+"\n"+lxca, "1:1"
			switch where {
			case "[defaults]":
				text, at = "[defaults]\n"+text, "2:1"
			case "[[appliance]]":
				text, at = lxca+key+" = "+value+"\n", "6:1"
			}
			in := where
			if in != "" {
				in = " in " + in
			}
			check(t, text, "c.toml:"+at+": unknown key \""+key+"\""+in+
				": the check of who answers cannot be switched off; name the key to trust with pin, or a CA with ca_file")
		}
	}
	for _, key := range []string{"trust", "trust_all", "allow_untrusted", "self_signed", "tls"} {
		_, err := Parse("c.toml", []byte(lxca+key+" = true\n"), surroundings)
		if err == nil || !strings.HasPrefix(err.Error(), `c.toml:6:1: unknown key "`+key+`"`) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestValuesOfTheRun(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"role = \"root\"", `role is "root", but must be viewer, operator or admin`},
		{"role = \"amdin\"", `role is "amdin", but must be viewer, operator or admin (did you mean "admin"?)`},
		{"role = 3", `role must be a string in quotes, not a whole number`},
		{"read_only = \"yes\"", `read_only must be true or false, not a string`},
		{"theme = \"drak\"", `theme is "drak", but must be auto, dark, light, high-contrast, colour-blind, 16-colour or none (did you mean "dark"?)`},
		{"theme = [\"dark\"]", `theme must be a string in quotes, not an array`},
		{"ascii = 1.5", `ascii must be true or false, not a number with a point`},
		{"mouse = 2026-11-22", `mouse must be true or false, not a date or a time`},
		{"state_dir = \"~other/x\"", `state_dir begins with the home folder of another user: write the whole path`},
		{"state_dir = true", `state_dir must be a string in quotes, not true or false`},
		{"defaults.min_tls = \"1.1\"", `min_tls is lower than 1.2: that can be set for one appliance only, in its [[appliance]]`},
		{"log.level = \"trace\"", `level is "trace", but must be debug, info, warn or error`},
		{"log.file = \"a\\u0000b\"", `file must not hold a zero byte`},
		{"warn.password_days = -1", `password_days is -1, but must be from 0 to 366`},
		{"journal_days = 0", `journal_days is 0, but must be from 1 to 3660`},
		{"journal_days = 3661", `journal_days is 3661, but must be from 1 to 3660`},
		{`on_drop = "Release"`, `on_drop is "Release", but must be leave or release (did you mean "release"?)`},
		{"warn.password_days = 367", `password_days is 367, but must be from 0 to 366`},
		{"warn.certificate_days = \"14d\"", `certificate_days must be a whole number, not a string`},
		{"warn.backup_age = \"367d\"", `backup_age is "367d", but must be from 0s to 366d`},
		{"warn.backup_age = 8", `backup_age must be a string in quotes, not a whole number`},
		{"warn.backup_age = \"8 days\"", `backup_age must be a time such as "10s", "5m", "1h30m" or "8d"`},
		{"keys.acquire = 3", `"acquire" must be an array of strings, as ["one", "two"], not a whole number`},
		{"keys.acquire = [3]", `"acquire" must hold strings in quotes only, and its element 1 is a whole number`},
		{"keys.acquire = \"\"", `"acquire" holds "", but a key is written as "a", "ctrl+a", "f5" or "enter"`},
		{"defaults.user = \"a:b\"", `user must not hold a colon, which ends the user name in a login`},
		{"defaults.intervals.locks = \"0s\"", `locks is "0s", but must be from 1s to 24h`},
	} {
		key, _, _ := strings.Cut(c.text, " ")
		column := "1"
		switch strings.Count(key, ".") {
		case 1:
			column = map[string]string{"log": "5", "warn": "6", "keys": "6", "defaults": "10"}[strings.Split(key, ".")[0]]
		case 2:
			column = "20"
		}
		check(t, "\n"+c.text+"\n"+lxca, "c.toml:2:"+column+": "+c.want)
	}
}

func TestValuesOfAnAppliance(t *testing.T) {
	const (
		password = "password_prompt is false, and no other place is named where the password comes from: set " +
			"password_env, password_file, password_command or password_keyring"
		env     = "password_env must be the name of an environment variable: letters, digits and underscores"
		command = "password_command must be an array of strings, as [\"one\", \"two\"], not a string"
		program = "password_command must begin with the name of a program, and hold no zero byte"
		keyring = "password_keyring must be true, or the service name of the entry in quotes"
		pin     = "pin is %, but must be sha256// and 44 letters, as `holdfast trust NAME` shows it"
		address = "address is %, but must be an IP address or a host name, without https:// and without a port"
		mount   = "mount_points holds %, but a mount point is an absolute path such as /mnt/my_remote_share"
	)
	long := strings.Repeat("a.", 127) + "a"
	of := func(message, value string) string { return strings.Replace(message, "%", `"`+value+`"`, 1) }
	for _, c := range []struct{ base, line, want string }{
		{lxca, `password_prompt = false`, password},
		{lxca, `password_env = "Passw0rd-admin"`, env},
		{lxca, `password_command = "pass show a"`, command},
		{lxca, `password_command = ["", "x"]`, program},
		{lxca, `password_keyring = 1`, keyring},
		{lxca, `password_keyring = "a\nb"`, keyring},
		{lxca, `pin = "sha256//short"`, of(pin, "sha256//short")},
		{lxca, `pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`, of(pin, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")},
		{lxca, `pin = "sha256//AAAAAAAAAAAAAAAAAAAAAA\nAAAAAAAAAAAAAAAAAAAAA="`,
			of(pin, "sha256//AAAAAAAAAAAAAAAAAAAAAA␊AAAAAAAAAAAAAAAAAAAAA=")},
		{lxca, `address = "a.example.net:443"`, of(address, "a.example.net:443")},
		{lxca, `address = "https://a"`, of(address, "https://a")},
		{lxca, `address = "300.1.2.3"`, of(address, "300.1.2.3")},
		{lxca, `address = "-a"`, of(address, "-a")},
		{lxca, `address = "a..b"`, of(address, "a..b")},
		{lxca, `address = "` + long + `"`, of(address, long[:59]+"…")},
		{lxca, `user = "` + long + `"`, `user must be at most 128 printable letters`},
		{lxca, `mount_points = ["mnt"]`, of(mount, "mnt")},
		{lxca, `mount_points = ["internal"]`, of(mount, "internal")},
		{lxca, `proxy = "http://p"`, `proxy is "http://p", but must be none or environment`},
		{lxca, `proxy = "enviroment"`,
			`proxy is "enviroment", but must be none or environment (did you mean "environment"?)`},
		{lxca, `min_tls = "1.4"`, `min_tls is "1.4", but must be 1.0, 1.1, 1.2 or 1.3`},
		{lxca, `min_tls = 1.2`, `min_tls must be a string in quotes, not a number with a point`},
		{lxca, `ca_file = "~other/ca.pem"`, `ca_file begins with the home folder of another user: write the whole path`},
		{lxca, `intervals.jobs = "25h"`, `jobs is "25h", but must be from 1s to 24h`},
		{lxca, `intervals.jobs = "999ms"`, `jobs is "999ms", but must be from 1s to 24h`},
		{lxca, `api_version = "v1.1"`, `api_version is a setting of an ECB, and this is an LXCA: take it out`},
		{lxca, `token_lifetime = "10m"`, `token_lifetime is a setting of an ECB, and this is an LXCA: take it out`},
		{lxca, `renewal_form = "raw"`, `renewal_form is a setting of an ECB, and this is an LXCA: take it out`},
		{lxca, `renewal_content_type_bare = true`,
			`renewal_content_type_bare is a setting of an ECB, and this is an LXCA: take it out`},
		{ecb, `mount_points = ["/mnt/a"]`, `mount_points is a setting of an LXCA, and this is an ECB: take it out`},
		{ecb, `api_version = "1.1"`, `api_version is "1.1", but must be a version such as v1.1`},
		{ecb, `token_lifetime = "0s"`, `token_lifetime is "0s", but must be from 1s to 24h`},
		{ecb, `token_lifetime = 600`, `token_lifetime must be a string in quotes, not a whole number`},
		{ecb, `renewal_form = "accesstoken"`,
			`renewal_form is "accesstoken", but must be raw, accessToken or token (did you mean "accessToken"?)`},
	} {
		column := "1"
		if strings.HasPrefix(c.line, "intervals.") {
			column = "11"
		}
		base, line := c.base, "6"
		if strings.HasPrefix(c.line, "user ") {
			base, line = strings.Replace(base, "user = \"u\"\n", "", 1), "5"
		}
		check(t, base+c.line+"\n", "c.toml:"+line+":"+column+": "+c.want)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"a", "A1", "dc1-lxca", "a.b_c-d", strings.Repeat("x", 63)} {
		check(t, strings.Replace(lxca, `"a"`, `"`+name+`"`, 1), "")
	}
	for _, name := range []string{"-a", ".a", "_a", "a b", "a/b", "ä", "..", strings.Repeat("x", 64)} {
		shown := name
		if len(name) == 64 {
			shown = strings.Repeat("x", 59) + "…"
		}
		check(t, strings.Replace(lxca, `"a"`, `"`+name+`"`, 1), `c.toml:2:1: name is "`+shown+
			`", but must be 1 to 63 letters, digits, dots, hyphens and underscores, the first a letter or a digit`)
	}
	check(t, strings.Replace(lxca, `kind = "lxca"`, `kind = "lxac"`, 1),
		`c.toml:3:1: kind is "lxac", but must be lxca or ecb (did you mean "lxca"?)`)
}

func TestFault_NET13_URL(t *testing.T) {
	for _, c := range []struct{ url, want, address string }{
		{"https://a.example.net", "https://a.example.net", "a.example.net"},
		{"HTTPS://A.Example.NET:443/", "https://a.example.net", "a.example.net"},
		{"https://a:8443/", "https://a:8443", "a"},
		{"https://192.0.2.7:08443", "https://192.0.2.7:8443", "192.0.2.7"},
		{"https://[2001:DB8:0::1]", "https://[2001:db8::1]", "2001:db8::1"},
		{"https://[fe80::1%eth0]:1", "https://[fe80::1%25eth0]:1", "fe80::1%eth0"},
	} {
		got := parse(t, strings.Replace(lxca, "https://a.example.net", c.url, 1)).Appliances[0]
		if got.URL != c.want || got.Address != c.address {
			t.Errorf("%s: got %s and %s", c.url, got.URL, got.Address)
		}
	}
	for _, bad := range []string{
		"a.example.net", "http://a", "https://", "https://a/b", "https://a?b", "https://a#b", "https://a:0", "https://a:99999",
		"https://[::1", "https://a b", "ftp://a", "https:a", "https://maria:Passw0rd@a", "https://Passw0rd@a/x",
	} {
		_, err := Parse("c.toml", []byte(strings.Replace(lxca, "https://a.example.net", bad, 1)), surroundings)
		if err == nil || !strings.HasPrefix(err.Error(), "c.toml:4:1: url is wrong: ") {
			t.Errorf("%s: %v", bad, err)
		} else if strings.Contains(err.Error(), "Passw0rd") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "[2001:DB8::1]": "2001:db8::1", "2001:db8:0:0::1": "2001:db8::1",
		"Backup.Example.NET": "backup.example.net", "a_b-c": "a_b-c", "": "a.example.net",
	} {
		if got := parse(t, lxca+`address = "`+in+`"`).Appliances[0].Address; got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// Two places for one password are a mistake; one in the appliance replaces the one of the defaults.
func TestPasswordSources(t *testing.T) {
	lines := map[string]string{
		"password_env": `"HF"`, "password_file": `"f"`, "password_command": `["p"]`, "password_keyring": `true`,
		"password_prompt": `true`,
	}
	for first, one := range lines {
		for second, two := range lines {
			if first == second {
				continue
			}
			both := first + " = " + one + "\n" + second + " = " + two + "\n"
			want := second + ": the password comes from one place only, and " + first + " names one already: keep one of them"
			check(t, lxca+both, "c.toml:7:1: "+want)
			check(t, "[defaults]\n"+both+lxca, "c.toml:3:1: "+want)
			c := parse(t, "[defaults]\n"+first+" = "+one+"\n"+lxca+second+" = "+two+"\n")
			if got := c.Appliances[0].Password.keys(); len(got) != 1 || got[0] != second {
				t.Errorf("%s over %s: %q", second, first, got)
			}
		}
		c := parse(t, "[defaults]\n"+first+" = "+one+"\n"+lxca)
		if got := c.Appliances[0].Password.keys(); len(got) != 1 || got[0] != first {
			t.Errorf("%s in the defaults: %q", first, got)
		}
	}
}

func TestPathsWithoutHome(t *testing.T) {
	_, err := Parse("c.toml", []byte(lxca+`password_file = "~/a"`), Options{Dir: "/etc"})
	want := "c.toml:6:1: password_file begins with ~, and no home folder is known: write the whole path"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// All problems are told at once, in the order of the file.
func TestManyProblems(t *testing.T) {
	check(t, "mouse = 1\n"+strings.Replace(lxca, "https", "http", 1)+"nmae = \"b\"\n[appliance.intervals]\njobs = \"x\"\n"+
		strings.Replace(lxca, `kind = "lxca"`, `kind = 5`, 1),
		"c.toml:1:1: mouse must be true or false, not a whole number\n"+
			"c.toml:5:1: url is wrong: it must begin with https://\n"+
			"c.toml:7:1: unknown key \"nmae\" in [[appliance]] (did you mean \"name\"?)\n"+
			"c.toml:9:1: jobs must be a time such as \"10s\", \"5m\", \"1h30m\" or \"8d\"\n"+
			"c.toml:11:1: name is \"a\", which the appliance in line 3 has already: choose another\n"+
			"c.toml:12:1: kind must be a string in quotes, not a whole number")
}
