package transport

import (
	"strings"
	"testing"
)

func TestFault_NET13_CanonicalForm(t *testing.T) {
	for raw, want := range map[string][2]string{
		"https://lxca.example.com":             {"https://lxca.example.com", "lxca.example.com:443"},
		"https://lxca.example.com/":            {"https://lxca.example.com", "lxca.example.com:443"},
		"HTTPS://LXCA.Example.COM:443/":        {"https://lxca.example.com", "lxca.example.com:443"},
		"https://lxca.example.com.":            {"https://lxca.example.com", "lxca.example.com:443"},
		"https://lxca.example.com:":            {"https://lxca.example.com", "lxca.example.com:443"},
		"https://lxca:08443":                   {"https://lxca:8443", "lxca:8443"},
		"https://my_lxca-2:65535/":             {"https://my_lxca-2:65535", "my_lxca-2:65535"},
		"https://192.0.2.7":                    {"https://192.0.2.7", "192.0.2.7:443"},
		"https://[2001:DB8:0:0:0:0:0:1]/":      {"https://[2001:db8::1]", "[2001:db8::1]:443"},
		"https://[2001:db8::1]:8443":           {"https://[2001:db8::1]:8443", "[2001:db8::1]:8443"},
		"https://[::ffff:192.0.2.7]":           {"https://192.0.2.7", "192.0.2.7:443"},
		"https://[FE80::1%25eth0]":             {"https://[fe80::1%25eth0]", "[fe80::1%eth0]:443"},
		"https://[fe80::1%eth0]:8443/":         {"https://[fe80::1%25eth0]:8443", "[fe80::1%eth0]:8443"},
		"https://xn--bcher-kva.example":        {"https://xn--bcher-kva.example", "xn--bcher-kva.example:443"},
		"https://[fe80::1%25Ethernet1.100]:44": {"https://[fe80::1%25Ethernet1.100]:44", "[fe80::1%Ethernet1.100]:44"},
	} {
		u, key, err := Canonical(raw)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := [2]string{u.String(), key}; got != want {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

func TestFault_NET13_Refused(t *testing.T) {
	for raw, words := range map[string]string{
		"":                                   "begin with https://",
		"lxca.example.com":                   "begin with https://",
		"lxca:443":                           "begin with https://",
		"http://lxca":                        "begin with https://",
		"https:lxca":                         "begin with https://",
		"https://":                           "no host",
		"https://:443":                       "no host",
		"https://.":                          "no host",
		"https://a:hunter2@lxca":             "user or password",
		"https://@lxca":                      "user or password",
		"https://lxca?":                      "query",
		"https://lxca/?a=hunter2":            "query",
		"https://lxca/#hunter2":              "fragment",
		"https://lxca#":                      "fragment",
		"https://lxca/api":                   "path",
		"https://lxca//":                     "path",
		"https://lxca:0":                     "port",
		"https://lxca:65536":                 "port",
		"https://lxca:hunter2":               "malformed",
		"https://lxca:-1":                    "malformed",
		"https://[::1":                       "malformed",
		"https://[192.0.2.7]":                "malformed",
		"https://[::1%25a%2fb]":              "malformed",
		"https://2001:db8::1":                "malformed",
		"https://192.0.2.256":                "IPv4 address and is none",
		"https://010.0.0.1":                  "IPv4 address and is none",
		"https://1.2.3":                      "IPv4 address and is none",
		"https://0x7f.0x1":                   "IPv4 address and is none",
		"https://bücher.example":             "xn-- form",
		"https://a..b":                       "host name is malformed",
		"https://a b":                        "malformed",
		"https://a%20b":                      "malformed",
		"https://lxca\x00":                   "malformed",
		"https://hunter2:p\x7f@h/":           "malformed",
		"https://" + strings.Repeat("a", 64): "malformed",
		"https://" + strings.Repeat("abcdefg.", 32):  "longer than 253",
		"https://lxca/%2e%2e":                        "path",
		"https://lxca;hunter2":                       "malformed",
		"https://lxca\\@evil":                        "malformed",
		" https://lxca":                              "malformed",
		"https://lxca.example.com:443:443":           "malformed",
		"https://[fe80::1%25" + "\u202e" + "]":       "not an IPv6 address",
		"https://[fe80::1%25eth0%25eth1]":            "not an IPv6 address",
		"https://[fe80::1]extra":                     "malformed",
		"https://[::ffff:192.0.2.7%25eth0]:bad":      "malformed",
		"javascript:alert(1)":                        "begin with https://",
		"https://lxca.example.com/../etc/passwd?a#b": "query",
	} {
		u, key, err := Canonical(raw)
		if err == nil {
			t.Errorf("%q became %s, %s", raw, u, key)
			continue
		}
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q: error %q does not say %q", raw, err, words)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error repeats it: %v", raw, err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{
		"https://LXCA.example:443/", "https://[fe80::1%eth0]:8443", "https://a:b@c/?d#e", "https://192.0.2.7", "https://[::ffff:1.2.3.4]",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, key, err := Canonical(raw)
		if err != nil {
			return
		}
		if u.Scheme != "https" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || !printable(key) {
			t.Fatalf("%q: %+v, key %q", raw, u, key)
		}
		again, key2, err := Canonical(u.String())
		if err != nil || key2 != key || again.String() != u.String() {
			t.Fatalf("%q: %s, %s, then %v, %s, %v", raw, u, key, again, key2, err)
		}
		if !canonicalKey(key) || addressKey(u) != key {
			t.Fatalf("%q: key %q is not its own", raw, key)
		}
	})
}
