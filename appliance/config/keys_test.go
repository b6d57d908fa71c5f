package config

import (
	"strings"
	"testing"
)

// names is a screen that knows three keys, one of them by two names.
func names(actions ...string) KeyNames {
	return KeyNames{Actions: actions, Names: []string{"enter", "ctrl+x"}, Meant: func(key string) string {
		switch key {
		case "T":
			return "t"
		case "t", "insert", "ctrl+r", "enter", "ctrl+x":
			return key
		}
		return ""
	}}
}

func TestCheckKeys(t *testing.T) {
	c := parse(t, everything)
	if err := c.CheckKeys(names("acquire", "extend", "release")); err != nil {
		t.Error(err)
	}
	err := c.CheckKeys(names("acquire", "extends", "cancel"))
	want := "c.toml:19:1: unknown action \"release\" in [keys]\n" +
		"c.toml:20:1: unknown action \"extend\" in [keys] (did you mean \"extends\"?)"
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// keyed is a configuration with these keys from its second line on.
func keyed(t *testing.T, keys string) *Config {
	t.Helper()
	return parse(t, "[keys]\n"+keys+"\n[[appliance]]\nname=\"a\"\nkind=\"lxca\"\nurl=\"https://a\"\nuser=\"u\"\n")
}

// A key that no terminal can send is told with its place and what was perhaps meant.
func TestCheckKeysThatCannotBe(t *testing.T) {
	err := keyed(t, "acquire = [\"t\", \"ctlr+x\"]\nextend = \"T\"\nrelease = [\"t\",\n  \"no such key\"]").
		CheckKeys(names("acquire", "extend", "release"))
	want := []string{
		`c.toml:2:17: "ctlr+x" for acquire is no key that a terminal sends (did you mean "ctrl+x"?)`,
		`c.toml:3:1: "T" for extend is no key that a terminal sends (did you mean "t"?)`,
		`c.toml:5:3: "no such key" for release is no key that a terminal sends: a key is written as "a", "ctrl+a", "f5" or "enter"`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

// A key that two actions have is told at the second place, be the other one in the file or not.
func TestKeyProblem(t *testing.T) {
	c := keyed(t, "release = [\"x\", \"y\"]\nacquire = [\"z\",\n \"y\"]\nextend = \"w\"")
	for _, x := range []struct {
		key, at string
		actions []string
	}{
		{"y", "c.toml:4:2", []string{"acquire", "release"}}, {"y", "c.toml:4:2", []string{"release", "acquire"}},
		{"x", "c.toml:2:12", []string{"release", "cancel"}}, {"w", "c.toml:5:1", []string{"wait", "extend"}}, {"k", "c.toml", []string{"up", "keep"}},
	} {
		if got, want := c.KeyProblem(x.key, "is wrong", x.actions...).Error(), x.at+": is wrong"; got != want {
			t.Errorf("%s of %v: %q, want %q", x.key, x.actions, got, want)
		}
	}
}
