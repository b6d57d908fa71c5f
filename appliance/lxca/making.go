package lxca

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

// makeBody asks for a new backup. Its keys are those that GET /managementServer/quiesce repeats (api/lxca.md 3.3).
type makeBody struct {
	Operation   string `json:"operation"`
	Action      string `json:"action"`
	Label       string `json:"label"`
	Passphrase  string `json:"passphrase"`
	IncludeFW   bool   `json:"includeFW"`
	IncludeOS   bool   `json:"includeOS"`
	Destination string `json:"remoteShareDestination,omitempty"`
}

// restoreBody prepares or starts a restore (api/lxca.md 3.3).
type restoreBody struct {
	Operation  string  `json:"operation"`
	Action     string  `json:"action"`
	UUID       string  `json:"uuid"`
	Passphrase *string `json:"passphrase,omitempty"`
	Devices    *bool   `json:"devices,omitempty"`
	Firmware   *bool   `json:"firmware,omitempty"`
}

// processBody decrypts the package that came in last (api/lxca.md 3.7).
type processBody struct {
	Passphrase string `json:"passphrase"`
}

// errPassphrase is the error of a passphrase that could not be sent as it is.
var errPassphrase = errors.New("the passphrase is empty or holds characters that cannot be typed")

// revealed is the passphrase for a body. One that JSON would change, or that ends with a line break, is refused: what it
// encrypts nobody could decrypt.
func revealed(p appliance.Passphrase) (string, error) {
	if p == nil {
		return "", errPassphrase
	}
	s := p.Reveal()
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errPassphrase
	}
	return s, nil
}

// secretly is a request whose body holds the passphrase.
func secretly(method, path, passphrase string, body any) transport.Request {
	r := request(method, path, body)
	if r.SecretBody = passphrase != ""; r.SecretBody && !slices.Contains(envelopeWords, strings.ToLower(passphrase)) {
		r.Within = secret.New(passphrase)
	}
	return r
}

// envelopeWords stand in ordinary answers. As a passphrase such a word is not masked there, as that would change what the
// answer says.
var envelopeWords = []string{
	"result", "success", "failed", "failure", "warning", "message", "messages", "response", "statuscode", "recovery", "explanation",
	"jobuid", "taskid", "joburl", "joburi",
}

// maxBackupLabel is how long a label may be; the vendor names no bound.
const maxBackupLabel = 128

// createRequest asks for a new backup.
func createRequest(n appliance.NewBackup, p appliance.Passphrase) (transport.Request, error) {
	passphrase, err := revealed(p)
	if err != nil {
		return transport.Request{}, err
	}
	label := appliance.Label(n.Label).String()
	if strings.TrimSpace(label) == "" || label != n.Label || utf8.RuneCountInString(label) > maxBackupLabel {
		return transport.Request{}, fmt.Errorf("%q is no label of a backup: use up to %d printable characters",
			appliance.Label(n.Label), maxBackupLabel)
	}
	body := makeBody{
		Operation: "backup", Action: "start", Label: n.Label, Passphrase: passphrase, IncludeFW: n.Firmware, IncludeOS: n.Images,
	}
	if n.Destination != "" && n.Destination != appliance.Internal {
		if _, ok := appliance.ParseLocation(string(n.Destination)); !ok {
			return transport.Request{}, fmt.Errorf("%q is no destination of a backup", appliance.Label(string(n.Destination)))
		}
		body.Destination = string(n.Destination)
	}
	return secretly(http.MethodPost, pathData, passphrase, body), nil
}

// deleteRequest removes a backup from one location or from all. The vendor shows a mount point unescaped in the query
// (api/lxca.md 3.5).
func deleteRequest(id appliance.BackupID, from appliance.Location) (transport.Request, error) {
	uuid, ok := appliance.ParseUUID(string(id))
	if !ok {
		return transport.Request{}, fmt.Errorf("%q is not the uuid of a backup", appliance.Label(string(id)))
	}
	if _, ok := appliance.ParseLocation(string(from)); !ok && from != appliance.Everywhere {
		return transport.Request{}, fmt.Errorf("%q is no location of a backup", appliance.Label(string(from)))
	}
	r := request(http.MethodDelete, pathData+"/"+string(uuid), nil)
	r.RawQuery = "location=" + strings.NewReplacer("%2F", "/", "+", "%20").Replace(url.QueryEscape(string(from)))
	return r, nil
}

// processRequest decrypts the package that came in last.
func processRequest(p appliance.Passphrase) (transport.Request, error) {
	passphrase, err := revealed(p)
	if err != nil {
		return transport.Request{}, err
	}
	r := secretly(http.MethodPost, pathFiles, passphrase, processBody{passphrase})
	r.RawQuery = "action=process"
	return r, nil
}

// prepareRequest decrypts a backup for a restore.
func prepareRequest(id appliance.BackupID, p appliance.Passphrase) (transport.Request, error) {
	uuid, ok := appliance.ParseUUID(string(id))
	if !ok {
		return transport.Request{}, fmt.Errorf("%q is not the uuid of a backup", appliance.Label(string(id)))
	}
	passphrase, err := revealed(p)
	if err != nil {
		return transport.Request{}, err
	}
	body := restoreBody{Operation: "restore", Action: "prepare", UUID: string(uuid), Passphrase: &passphrase}
	return secretly(http.MethodPost, pathData, passphrase, body), nil
}

// restoreRequest starts a restore. Without a passphrase the body has none.
func restoreRequest(w appliance.Restoring, p appliance.Passphrase) (transport.Request, error) {
	uuid, ok := appliance.ParseUUID(string(w.Backup))
	switch {
	case w.From != "":
		return transport.Request{}, fmt.Errorf("restore from the %s configuration: %w", w.From, appliance.ErrUnsupported)
	case !ok:
		return transport.Request{}, fmt.Errorf("%q is not the uuid of a backup", appliance.Label(string(w.Backup)))
	}
	body := restoreBody{Operation: "restore", Action: "start", UUID: string(uuid), Devices: &w.Devices, Firmware: &w.Firmware}
	passphrase := ""
	if p != nil {
		var err error
		if passphrase, err = revealed(p); err != nil {
			return transport.Request{}, err
		}
		body.Passphrase = &passphrase
	}
	return secretly(http.MethodPost, pathData, passphrase, body), nil
}

// MakingRules tells what may be asked for of a backup of an LXCA.
func (c *Client) MakingRules() appliance.MakingRules {
	return appliance.MakingRules{Passphrase: true, Contents: true, Share: true, Silence: true}
}

// CreateBackup has a backup of the whole appliance made (api/lxca.md 3.3). Accepted is not done: while it is made the
// appliance is quiesced and answers nothing for minutes, and what came of it the job and the listing tell. It is sent once:
// after ErrAmbiguous it is not sent again but the listing, the jobs and Quiet are looked at (faults.md JOB-01), as another
// one would make the appliance silent once more.
func (c *Client) CreateBackup(
	ctx context.Context, n appliance.NewBackup, p appliance.Passphrase,
) (appliance.Receipt, error) {
	r, err := createRequest(n, p)
	return c.begin(ctx, "create a backup", r, err)
}

// Process validates and decrypts the package that was imported or pushed last and prepares it (api/lxca.md 3.7). It is sent
// once: it has no effect but on that package, and after ErrAmbiguous the jobs tell whether it runs. An operator may repeat it.
func (c *Client) Process(ctx context.Context, p appliance.Passphrase) (appliance.Receipt, error) {
	r, err := processRequest(p)
	return c.begin(ctx, "process the package that came in last", r, err)
}

// Prepare decrypts a backup of the local repository for a restore (api/lxca.md 3.11). It is sent once: after ErrAmbiguous the
// jobs tell whether it runs. An operator may repeat it.
func (c *Client) Prepare(ctx context.Context, id appliance.BackupID, p appliance.Passphrase) (appliance.Receipt, error) {
	r, err := prepareRequest(id, p)
	return c.begin(ctx, "prepare backup "+appliance.Label(string(id)).String(), r, err)
}

// Restore starts a restore of a backup that was prepared or processed (api/lxca.md 3.11). The appliance then answers nothing
// for minutes, and may come back with another address, certificate and users. It is never sent twice: after ErrAmbiguous
// only an operator who looked at the appliance may start another one.
func (c *Client) Restore(ctx context.Context, w appliance.Restoring, p appliance.Passphrase) (appliance.Receipt, error) {
	r, err := restoreRequest(w, p)
	return c.begin(ctx, "restore backup "+appliance.Label(string(w.Backup)).String(), r, err)
}

// begin sends a request that starts a job; unmade is why there is none. A receipt without a job is a success whose answer
// names none, and says so (faults.md JOB-02).
func (c *Client) begin(ctx context.Context, what string, r transport.Request, unmade error) (appliance.Receipt, error) {
	if unmade != nil {
		return appliance.Receipt{}, fmt.Errorf("%s: %w", what, unmade)
	}
	a, err := c.send(ctx, r)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("%s: %w", what, err)
	}
	receipt, v, err := a.receipt()
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("%s: %w", what, err)
	}
	receipt.Job = decodeStarted(v, a.Header.Get("Location"), a.Header.Get("Jobids"))
	if receipt.Job == "" {
		receipt.Told = append(receipt.Told, appliance.Message{
			Text: appliance.Words("The appliance accepted this and named no job: " + what + "."),
		})
	}
	return receipt, nil
}

// DeleteBackup removes a backup from one location, or from Everywhere (api/lxca.md 3.5). A warning is told: part of it may not
// have been done. It is sent once; after ErrAmbiguous the listing tells where the backup still lies, and only then an
// operator may repeat it. 404 is ErrGone: the backup was not there.
func (c *Client) DeleteBackup(ctx context.Context, id appliance.BackupID, from appliance.Location) (appliance.Receipt, error) {
	r, err := deleteRequest(id, from)
	if err != nil {
		return appliance.Receipt{}, fmt.Errorf("delete a backup: %w", err)
	}
	return c.change(ctx, "delete backup "+string(id), r)
}

// roomRequest asks whether a package fits.
func roomRequest(bytes int64) transport.Request {
	r := get(pathRepository)
	r.RawQuery = "packageSize=" + strconv.FormatInt(bytes, 10)
	return r
}

// Room asks whether a package of so many bytes fits into the local repository (api/lxca.md 3.6). The vendor says with one word
// that it does not fit or that something else failed; only where the sizes are told along with it is it taken for the former.
func (c *Client) Room(ctx context.Context, bytes int64) (appliance.Room, error) {
	if bytes < 0 {
		return appliance.Room{}, fmt.Errorf("ask for room: %d bytes are no size", bytes)
	}
	a, err := c.send(ctx, roomRequest(bytes))
	if err != nil {
		return appliance.Room{}, fmt.Errorf("ask for room: %w", err)
	}
	v, err := a.listing()
	refusal, refused := refusalOf(err)
	if err != nil && (!refused || refusal.Status != http.StatusOK) {
		return appliance.Room{}, fmt.Errorf("ask for room: %w", err)
	}
	room := appliance.Room{Fits: !refused}
	if refused {
		if v, err = a.parsed(); err == nil && !v.has("spaceUsed", "totalSpace") && !v.get("response").has("spaceUsed", "totalSpace") {
			err = refusal
		}
		room.Told = refusal.Messages
	}
	if err == nil {
		room.Space, err = decodeSpace(v)
	}
	if err != nil {
		return appliance.Room{}, fmt.Errorf("ask for room: %w", err)
	}
	room.Space.Stamp = a.Stamp
	return room, nil
}
