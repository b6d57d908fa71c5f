package lxca

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

// What cannot be meant is not sent.
func TestRequestsThatAreNotMade(t *testing.T) {
	server := answerOf(200, "{}")
	c := answering(t, server)
	ctx := t.Context()
	create := func(n appliance.NewBackup, p appliance.Passphrase) error {
		_, err := c.CreateBackup(ctx, n, p)
		return err
	}
	ok := appliance.NewBackup{Label: "x"}
	for what, err := range map[string]error{
		"no label":        create(appliance.NewBackup{Label: " "}, somePassphrase),
		"hostile label":   create(appliance.NewBackup{Label: "a\x1b[2J"}, somePassphrase),
		"long label":      create(appliance.NewBackup{Label: strings.Repeat("x", 129)}, somePassphrase),
		"no mount point":  create(appliance.NewBackup{Label: "x", Destination: "nas"}, somePassphrase),
		"no passphrase":   create(ok, secret.Secret{}),
		"nil passphrase":  create(ok, nil),
		"line break":      create(ok, secret.New("secret\n")),
		"not UTF-8":       create(ok, secret.New("se\xffcret")),
		"process":         func() error { _, err := c.Process(ctx, secret.New("")); return err }(),
		"prepare nothing": func() error { _, err := c.Prepare(ctx, "../x", somePassphrase); return err }(),
		"prepare, nil":    func() error { _, err := c.Prepare(ctx, someUUID, nil); return err }(),
		"restore nothing": func() error { _, err := c.Restore(ctx, appliance.Restoring{}, nil); return err }(),
		"restore a copy": func() error {
			_, err := c.Restore(ctx, appliance.Restoring{Backup: someUUID, From: "saved"}, nil)
			return err
		}(),
		"restore, empty": func() error {
			_, err := c.Restore(ctx, appliance.Restoring{Backup: someUUID}, secret.New(""))
			return err
		}(),
		"delete nothing":   func() error { _, err := c.DeleteBackup(ctx, "x", "all"); return err }(),
		"delete nowhere":   func() error { _, err := c.DeleteBackup(ctx, someUUID, ""); return err }(),
		"delete elsewhere": func() error { _, err := c.DeleteBackup(ctx, someUUID, "ALL"); return err }(),
		"room for less":    func() error { _, err := c.Room(ctx, -1); return err }(),
	} {
		if err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(server.seen) != 0 {
		t.Errorf("sent %v", server.seen)
	}
}

// The bodies are those of api/lxca.md 3.3 to 3.7, and the lines that are shown have the passphrase nowhere.
func TestBodiesOfBackupRequests(t *testing.T) {
	const secretly = `odd "pass\phrase" $x é`
	for name, test := range map[string]struct {
		act  appliance.Act
		do   func(*Client) error
		sent string
		curl string
	}{
		"create": {
			appliance.Act{Verb: appliance.VerbCreate, Making: appliance.NewBackup{Label: "5 $PASSPHRASE <&", Firmware: true, Destination: "/mnt/s"}},
			func(c *Client) error {
				_, err := c.CreateBackup(t.Context(),
					appliance.NewBackup{Label: "5 $PASSPHRASE <&", Firmware: true, Destination: "/mnt/s"}, secret.New(secretly))
				return err
			},
			`POST /managementServer/data {"operation":"backup","action":"start","label":"5 $PASSPHRASE <&",` +
				`"passphrase":"odd \"pass\\phrase\" $x é","includeFW":true,"includeOS":false,"remoteShareDestination":"/mnt/s"}`,
			`'{"operation":"backup","action":"start","label":"5 \u0024PASSPHRASE <&","passphrase":"'"$PASSPHRASE"'",`,
		},
		"process": {
			appliance.Act{Verb: appliance.VerbProcess},
			func(c *Client) error { _, err := c.Process(t.Context(), secret.New(secretly)); return err },
			`POST /files/managementServer/data {"passphrase":"odd \"pass\\phrase\" $x é"}`,
			`'{"passphrase":"'"$PASSPHRASE"'"}' 'https://`,
		},
		"prepare": {
			appliance.Act{Verb: appliance.VerbPrepare, Restore: appliance.Restoring{Backup: someUUID}},
			func(c *Client) error { _, err := c.Prepare(t.Context(), someUUID, secret.New("x")); return err },
			`POST /managementServer/data {"operation":"restore","action":"prepare","uuid":"` + someUUID + `","passphrase":"x"}`,
			`"passphrase":"'"$PASSPHRASE"'"}'`,
		},
		"restore": {
			appliance.Act{Verb: appliance.VerbRestore, Restore: appliance.Restoring{Backup: someUUID, Devices: true}},
			func(c *Client) error {
				_, err := c.Restore(t.Context(), appliance.Restoring{Backup: someUUID, Devices: true}, nil)
				return err
			},
			`POST /managementServer/data {"operation":"restore","action":"start","uuid":"` + someUUID + `","devices":true,"firmware":false}`,
			`"devices":true,"firmware":false}'`,
		},
		"delete": {
			appliance.Act{Verb: appliance.VerbDelete, Transfer: appliance.Transfer{Backup: someUUID, Destination: "/mnt/a share"}},
			func(c *Client) error { _, err := c.DeleteBackup(t.Context(), someUUID, "/mnt/a share"); return err },
			`DELETE /managementServer/data/` + someUUID,
			`/managementServer/data/` + someUUID + `?location=/mnt/a%20share'`,
		},
	} {
		server := answerOf(200, `{"result":"success","jobId":"3"}`)
		c := answering(t, server)
		if err := test.do(c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(server.seen, []string{test.sent}) {
			t.Errorf("%s: sent %v, want %s", name, server.seen, test.sent)
		}
		calls := c.Explain(test.act)
		if len(calls) != 1 || !strings.Contains(calls[0].Curl(), test.curl) || strings.Contains(calls[0].Curl(), "odd") {
			t.Errorf("%s: shown as %v", name, calls)
		}
	}
}

// Read-only is the transport's to refuse: nothing is sent.
func TestReadOnlyMakesNothing(t *testing.T) {
	server := answerOf(200, "{}")
	c := answeringReadOnly(t, server)
	for _, call := range allCalls() {
		if err := call.do(t.Context(), c); call.change && !errors.Is(err, appliance.ErrReadOnly) {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	for _, seen := range server.seen {
		if !strings.HasPrefix(seen, http.MethodGet+" ") {
			t.Errorf("sent %s", seen)
		}
	}
}

func TestDecodeQuiet(t *testing.T) {
	for body, want := range map[string]string{
		`{}`: "false false -1", `null`: "false false -1", `{"backupRequest":null}`: "false false -1",
		`{"backupRequest":{"progress":"54","status":"EXEC: Packaging"}}`:       "true false 54 Packaging",
		`{"response":{"backupRequest":{"progress":140,"status":"Waiting"}}}`:   "true false 100 Waiting",
		`{"backupRequest":{"progress":"NaN","status":"EXEC: A: B"}}`:           "true false -1 A: B",
		`{"restoreRequest":{"devices":true}}`:                                  "false true -1",
		`{"backupRequest":{"progress":-3},"restoreRequest":{"progress":"99"}}`: "true true 0",
		`[]`:                                "malformed",
		`"x"`:                               "malformed",
		`{"backupRequest":[]}`:              "malformed",
		`{"restoreRequest":"running"}`:      "malformed",
		`{"response":{"backupRequest":17}}`: "malformed",
	} {
		q, err := decodeQuiet(mustParse(t, body))
		got := strings.TrimSpace(fmt.Sprintf("%v %v %v %s", q.Making, q.Restoring, q.Percent, q.Phase))
		if errors.Is(err, appliance.ErrMalformed) {
			got = "malformed"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

func TestRoomAnswers(t *testing.T) {
	for body, want := range map[string]string{
		`{"result":"success","spaceUsed":"1","totalSpace":"2"}`:                                    "fits",
		`{"result":"failed","spaceUsed":"1","totalSpace":"2","messages":[{"text":"It is full."}]}`: "full",
		`{"result":"failed","messages":[{"text":"The repository is not there."}]}`:                 "refused",
		`{"result":"failure","response":{"spaceUsed":"1","totalSpace":"2"}}`:                       "full",
		`{"result":"success"}`: "malformed",
		`{}`:                   "malformed",
	} {
		room, err := answering(t, answerOf(200, body)).Room(t.Context(), 7)
		got := "full"
		switch {
		case errors.Is(err, appliance.ErrMalformed):
			got = "malformed"
		case err != nil:
			got = "refused"
		case room.Fits:
			got = "fits"
		}
		if got != want {
			t.Errorf("%s: %s, want %s: %+v, %v", body, got, want, room, err)
		}
	}
}
