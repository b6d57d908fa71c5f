package appliance_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holdfast/appliance"
)

// token is what $TOKEN holds in these tests: everything a shell might be tempted by.
const token = "tok en'\"`touch ran`$(touch ran)*\\"

// hostile are words that a careless line would let a shell run, split, expand or swallow.
var hostile = []string{
	"$(touch ran)", "`touch ran`", "'; touch ran; '", `"; touch ran; "`, `\"; touch ran; \"`, "a\ntouch ran\n", "a && touch ran",
	"a | touch ran", "> ran", "<ran", "$HOME", "${HOME}", "$TOKE", "$$", "$'x'", "~", "~root", "*", "?", "[a-z]*", "{a,b}", "!!",
	"!touch", "#x", "a b", " ", "a\tb", `\`, `a\`, `\\`, `'`, `''`, `"`, "=x", "-o ran", "@/etc/passwd", "%s", "ü 予", "&", "(a)",
}

// runShell gives the line to a shell in which curl prints its arguments, and returns these. Nothing else may happen.
func runShell(t interface {
	Fatalf(string, ...any)
	Helper()
}, dir, line string,
) []string {
	t.Helper()
	cmd := exec.Command("sh", "-c", `curl() { for w in "$@"; do printf '%s\0' "$w"; done; }`+"\n"+line)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=/nowhere", "TOKEN=" + token}
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil || errs.Len() > 0 {
		t.Fatalf("sh: %v, %s\n%s", err, errs.String(), line)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Fatalf("the line made %v:\n%s", left, line)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func wantArgs(c appliance.Call) []string {
	want := []string{"-X", c.Method}
	switch c.Auth {
	case "basic":
		want = append(want, "-u", c.User)
	case "bearer":
		want = append(want, "-H", "Authorization: Bearer "+token)
	}
	if c.Pin != "" {
		want = append(want, "-k", "--pinnedpubkey", c.Pin)
	}
	if c.CAFile != "" {
		want = append(want, "--cacert", c.CAFile)
	}
	if c.Accept != "" {
		want = append(want, "-H", "Accept: "+c.Accept)
	}
	if c.ContentType != "" {
		want = append(want, "-H", "Content-Type: "+c.ContentType)
	}
	if c.Body != "" {
		want = append(want, "--data-raw", strings.ReplaceAll(c.Body, "$TOKEN", token))
	}
	return append(want, c.URL)
}

func TestCurlIsReadable(t *testing.T) {
	cases := []struct {
		call appliance.Call
		want string
	}{
		{
			appliance.Call{Method: "GET", URL: "https://10.0.0.1/aicc", Auth: "basic", User: "admin", Accept: "application/json"},
			`curl -X GET -u admin -H 'Accept: application/json' https://10.0.0.1/aicc`,
		},
		{
			appliance.Call{
				Method: "POST", URL: "https://10.0.0.1/aicc/service/sftp/locks", Auth: "basic", User: "admin",
				ContentType: "application/json", Body: `{"component":"UP"}`, Pin: "sha256//AbC+/=",
			},
			`curl -X POST -u admin -k --pinnedpubkey sha256//AbC+/= -H 'Content-Type: application/json' ` +
				`--data-raw '{"component":"UP"}' https://10.0.0.1/aicc/service/sftp/locks`,
		},
		{
			appliance.Call{
				Method: "POST", URL: "https://h/rest/v1.2/auth/token", Auth: "bearer", CAFile: "/etc/ca.pem", Body: `<t>$TOKEN</t>`,
			},
			`curl -X POST -H "Authorization: Bearer $TOKEN" --cacert /etc/ca.pem ` +
				`--data-raw '<t>'"$TOKEN"'</t>' https://h/rest/v1.2/auth/token`,
		},
		{
			appliance.Call{
				Method: "POST", URL: "https://h/token", Auth: "basic", User: "admin", ContentType: "x-www-form-urlencoded", Body: "token=$TOKEN",
			},
			`curl -X POST -u admin -H 'Content-Type: x-www-form-urlencoded' --data-urlencode token="$TOKEN" https://h/token`,
		},
		{
			appliance.Call{
				Method: "POST", URL: "https://h/token", Auth: "basic", User: "admin", ContentType: "x-www-form-urlencoded", Body: "$TOKEN",
			},
			`curl -X POST -u admin -H 'Content-Type: x-www-form-urlencoded' --data-raw "$TOKEN" https://h/token`,
		},
		{
			appliance.Call{
				Method: "POST", URL: "https://h/data", Auth: "basic", User: "admin", ContentType: "application/json",
				Body: `{"passphrase":"$PASSPHRASE"}`,
			},
			`curl -X POST -u admin -H 'Content-Type: application/json' --data-raw '{"passphrase":"'"$PASSPHRASE"'"}' https://h/data`,
		},
		{appliance.Call{Method: "GET", URL: "https://h/?a=1&b=2"}, `curl -X GET 'https://h/?a=1&b=2'`},
	}
	for _, c := range cases {
		if got := c.call.Curl(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestCurlSurvivesTheShell(t *testing.T) {
	for _, word := range hostile {
		for _, auth := range []string{"basic", "bearer", ""} {
			c := appliance.Call{
				Method: word, URL: "https://h/" + word, Auth: auth, User: word, Accept: word, ContentType: word, Body: word,
				Pin: word, CAFile: word,
			}
			if got, want := runShell(t, t.TempDir(), c.Curl()), wantArgs(c); !slices.Equal(got, want) {
				t.Errorf("%q\ngot  %q\nwant %q", word, got, want)
			}
		}
	}
}

// TestCurlBodyWithToken: the body in which $TOKEN is to be expanded is where a shell could expand more than that.
func TestCurlBodyWithToken(t *testing.T) {
	bodies := []string{"$TOKEN", "$TOKEN$TOKEN", `{"token":"$TOKEN"}`, `<?xml version="1.0"?><token>$TOKEN</token>`, "\n$TOKEN\n"}
	for _, word := range hostile {
		bodies = append(bodies, word+"$TOKEN", "$TOKEN"+word, word+"$TOKEN"+word)
	}
	for _, body := range bodies {
		c := appliance.Call{Method: "POST", URL: "https://h/", Auth: "bearer", Body: body}
		if got, want := runShell(t, t.TempDir(), c.Curl()), wantArgs(c); !slices.Equal(got, want) {
			t.Errorf("%q\ngot  %q\nwant %q", body, got, want)
		}
	}
}

func TestCurlProperty(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching("([a-c $'\"`\\\\!(){};&|<>*~#\n=@-]|\\$TOKEN){0,12}")
		c := appliance.Call{
			Method: "PUT", URL: "https://h/" + word.Draw(t, "url"), Auth: "basic", User: word.Draw(t, "user"), Body: word.Draw(t, "body"),
		}
		if got, want := runShell(t, dir, c.Curl()), wantArgs(c); !slices.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	})
}
