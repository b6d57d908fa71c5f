package config

import (
	"flag"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "rewrite config.example.toml")

const examplePath = "../../config.example.toml"

var surroundings = Options{Dir: "/etc/holdfast", Home: "/home/maria", State: "/var/lib/holdfast"}

func TestExampleFileIsExample(t *testing.T) {
	if *update {
		if err := os.WriteFile(examplePath, []byte(Example()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Example() {
		t.Error("config.example.toml is stale: go test ./appliance/config -run ExampleFile -update")
	}
}

func TestExampleFileLoadsAsItStands(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load(write(t, string(data), 0o644)) // a copy: a checkout may have made the file writable for a group
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range c.Appliances {
		got = append(got, a.Name+" "+string(a.Kind)+" "+a.URL+" "+strings.Join(a.Password.keys(), ","))
	}
	want := []string{
		"dc1-lxca lxca https://lxca.example.net password_prompt",
		"edge-ecb ecb https://ecb.example.net:8443 password_prompt",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("appliances %q, want %q", got, want)
	}
}

func TestExampleIsNarrow(t *testing.T) {
	for i, line := range strings.Split(Example(), "\n") {
		if n := utf8.RuneCountInString(line); n > 100 || strings.TrimRight(line, " ") != line {
			t.Errorf("line %d is %d wide, or ends in a space: %q", i+1, n, line)
		}
	}
}

var commented = regexp.MustCompile(`(?m)^# ([a-z_0-9]+ = .*)$`)

// What the example shows as a default has to be the default: taking the comment signs away changes nothing.
func TestExampleShowsTheDefaults(t *testing.T) {
	want := parse(t, Example())
	places := commented.FindAllStringIndex(Example(), -1)
	if len(places) < 30 {
		t.Fatalf("only %d commented settings", len(places))
	}
	for _, at := range places {
		line := Example()[at[0]:at[1]]
		if strings.HasPrefix(line, "# user = ") {
			continue // an empty user in [defaults] is the same as none, and checked below
		}
		changed := Example()[:at[0]] + line[2:] + Example()[at[1]:]
		if got := parse(t, changed); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", line, got, want)
		}
	}
	if got := parse(t, commented.ReplaceAllString(Example(), "$1")); !reflect.DeepEqual(got, want) {
		t.Errorf("all at once:\n got %+v\nwant %+v", got, want)
	}
}

// Each setting has to be in the example in its own section, as it is or as a default.
func TestExampleDocumentsEverySetting(t *testing.T) {
	sections := map[string]string{}
	header := ""
	for line := range strings.SplitSeq(Example(), "\n") {
		if strings.HasPrefix(line, "[") {
			header = line
		}
		sections[header] += line + "\n"
	}
	check := func(header, key string) {
		if !regexp.MustCompile(`(?m)^(# )?` + key + ` = `).MatchString(sections[header]) {
			t.Errorf("%s is not in %q", key, header)
		}
	}
	for _, s := range []section[Config]{general(), logging(), warnings()} {
		for _, x := range s.settings {
			check(s.name, x.key)
		}
	}
	for _, s := range []section[Appliance]{shared(), intervals(), {name: "[[appliance]]", settings: own()}} {
		for _, x := range s.settings {
			check(s.name, x.key)
		}
	}
}

// everything sets every setting to what is not its default.
const everything = `
role = "operator"
read_only = true
state_dir = "~/state"
on_drop = "release"
journal_days = 30
theme = "dark"
ascii = true
mouse = true
[log]
file = "h.log"
level = "debug"
[warn]
password_days = 7
certificate_days = 30
backup_age = "1d12h"
[keys]
acquire = ["t", "insert"]
release = "ctrl+r"
extend = []
[defaults]
user = "maria"
password_env = "HOLDFAST_PASSWORD"
ca_file = "ca.pem"
read_only = true
proxy = "environment"
min_tls = "1.3"
[defaults.intervals]
locks = "1s"
backups = "2m"
[[appliance]]
name = "a"
kind = "lxca"
url = "https://A.example.net:443/"
address = "192.0.2.7"
pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
mount_points = ["/mnt/a", "/mnt/b"]
[appliance.intervals]
jobs = "3s"
jobs_busy = "1s"
health = "1h"
[[appliance]]
name = "b"
kind = "ecb"
url = "https://[2001:db8::1]:8443"
password_file = "b.secret"
api_version = "v1.2"
token_lifetime = "90s"
renewal_form = "token"
renewal_content_type_bare = true
token_store = "keyring"
observer_probe = true
intervals = { locks = "5s" }
[[appliance]]
name = "c"
kind = "lxca"
url = "https://c"
password_command = ["~/bin/pass", "~/not a path"]
[[appliance]]
name = "d"
kind = "lxca"
url = "https://d"
password_keyring = true
[[appliance]]
name = "e"
kind = "lxca"
url = "https://e"
password_prompt = true
`

// Each member of the structs can be set by some key.
func TestEveryMemberCanBeSet(t *testing.T) {
	c := parse(t, everything)
	plain := defaults()
	differs(t, "Config", reflect.ValueOf(plain), []reflect.Value{reflect.ValueOf(*c)}, "Path", "Defaults")
	var got []reflect.Value
	for _, a := range c.Appliances {
		got = append(got, reflect.ValueOf(a))
	}
	plain.Defaults.Password.Prompt = false
	differs(t, "Appliance", reflect.ValueOf(plain.Defaults), got)
}

// differs wants each leaf of plain to be something else in one of got.
func differs(t *testing.T, name string, plain reflect.Value, got []reflect.Value, but ...string) {
	t.Helper()
	for i := range plain.NumField() {
		f := plain.Type().Field(i)
		if !f.IsExported() || strings.Contains(strings.Join(but, " "), f.Name) {
			continue
		}
		var values []reflect.Value
		for _, g := range got {
			values = append(values, g.Field(i))
		}
		if f.Type.Kind() == reflect.Struct {
			differs(t, name+"."+f.Name, plain.Field(i), values)
			continue
		}
		same := true
		for _, v := range values {
			same = same && reflect.DeepEqual(v.Interface(), plain.Field(i).Interface())
		}
		if same {
			t.Errorf("%s.%s was not set by any key", name, f.Name)
		}
	}
}

func parse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("c.toml", []byte(text), surroundings)
	if err != nil {
		t.Fatalf("%v\nin %s", err, text)
	}
	return c
}
