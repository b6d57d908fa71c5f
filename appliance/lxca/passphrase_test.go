package lxca

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/secret"
	"holdfast/appliance/secret/canary"
	"holdfast/appliance/sim"
	"holdfast/appliance/transport"
)

// passphraseCalls are all that send one.
func passphraseCalls(p secret.Secret) []func(context.Context, *Client) (appliance.Receipt, error) {
	return []func(context.Context, *Client) (appliance.Receipt, error){
		func(ctx context.Context, c *Client) (appliance.Receipt, error) {
			return c.CreateBackup(ctx, appliance.NewBackup{Label: "weekly"}, p)
		},
		func(ctx context.Context, c *Client) (appliance.Receipt, error) { return c.Process(ctx, p) },
		func(ctx context.Context, c *Client) (appliance.Receipt, error) { return c.Prepare(ctx, someUUID, p) },
		func(ctx context.Context, c *Client) (appliance.Receipt, error) {
			return c.Restore(ctx, appliance.Restoring{Backup: someUUID}, p)
		},
	}
}

// A passphrase that was sent is in nothing that comes back or is shown: no receipt, no error, no trace, no log, and no print of
// the client, whatever the appliance repeats of it and under whichever status.
func TestFault_SEC01_PassphraseNowhere(t *testing.T) {
	const user = "maria"
	phrase := canary.New()
	forms := canary.Forms(phrase, user)
	answers := map[string]func(words string) (int, string, string){
		"warning": func(w string) (int, string, string) {
			return 200, "application/json", `{"result":"warning","jobId":"7","message":{"text":` + quoted(w) + `}}`
		},
		"failed": func(w string) (int, string, string) {
			return 200, "application/json", `{"result":"failed","message":{"text":` + quoted(w) + `,"recovery":{"text":` + quoted(w) + `}}}`
		},
		"400": func(w string) (int, string, string) {
			return 400, "application/json", `{"messages":[{"text":` + quoted(w) + `}]}`
		},
		"text 500": func(w string) (int, string, string) { return 500, "text/plain", w },
		"page":     func(w string) (int, string, string) { return 200, "text/html", "<p>" + w },
		"unknown":  func(w string) (int, string, string) { return 200, "application/json", `{"hello":` + quoted(w) + `}` },
	}
	spelled := map[string]func(string) string{
		"plain": func(s string) string { return "no " + s }, "query": url.QueryEscape,
		"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	}
	heard := 0
	for status, answer := range answers {
		for how, spell := range spelled {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var sent struct{ Passphrase string }
				if json.Unmarshal(body, &sent) != nil || sent.Passphrase != phrase {
					t.Errorf("the passphrase was not sent as it is: %s", body)
				}
				code, kind, said := answer(spell(sent.Passphrase))
				w.Header().Set("Content-Type", kind)
				w.WriteHeader(code)
				_, _ = io.WriteString(w, said)
			}))
			server.TLS = tlsConfig()
			server.StartTLS()
			var kept bytes.Buffer
			c := dialWith(t, transport.Options{
				Name: "one", URL: server.URL, Trust: transport.Trust{Pin: sim.Pin(server.Certificate())}, Clock: clock.System(),
				Log: slog.New(slog.NewJSONHandler(&kept, &slog.HandlerOptions{Level: slog.LevelDebug})),
			}, user, adminPassword)
			for i, call := range passphraseCalls(secret.New(phrase)) {
				receipt, err := call(t.Context(), c)
				heard++
				var all []any
				all = append(all, receipt, err, c.Trace(0), kept.String(), fmt.Sprintf("%v %+v %#v", receipt, err, c.Trace(0)),
					fmt.Sprintf("%+v %#v", c, *c))
				found, _ := canary.Find(all, forms)
				if found != "" {
					t.Errorf("%s, %s, call %d: %q", status, how, i, found)
				}
			}
			server.Close()
		}
	}
	if heard < 50 {
		t.Errorf("only %d calls", heard)
	}
}

// A passphrase that is a word of every answer does not turn a refusal into a success.
func TestPassphraseThatIsAWordOfTheAnswer(t *testing.T) {
	for word, body := range map[string]string{
		"failed": `{"result":"failed","message":[]}`, "failure": `{"result":"failure"}`, "Result": `{"result":"failed"}`,
	} {
		for i, call := range passphraseCalls(secret.New(word)) {
			if r, err := call(t.Context(), answering(t, answerOf(200, body))); !refusedWith(err, 200) {
				t.Errorf("%s, call %d: %+v, %v", word, i, r, err)
			}
		}
	}
}

// quoted is s as a JSON string.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
