package ecb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

// resManagement is where configurations are saved, verified, activated, backed up and restored (api/ecb.md 5.1, 5.2).
const resManagement = "configuration/management"

// sources are how a copy of the configuration is called in a query (api/ecb.md 5.1, 5.2).
var sources = map[appliance.ConfigCopy]string{
	appliance.RunningCopy: "running", appliance.SavedCopy: "saved", appliance.EditedCopy: "editing",
}

// work is a request that needs the lock; the token is filled in when it is sent.
type work struct {
	what     string // for errors
	method   string
	resource string
	query    url.Values
	async    bool // it is accepted only, and asyncstatus tells what becomes of it
	file     bool // it names a file, and 404 means that there is none
}

func (w work) request(version string, t secret.Secret) transport.Request {
	r := ownedRequest(w.method, version, w.resource, t)
	r.Query = w.query
	return r
}

func verifyWork() work {
	return work{
		what: "verify the configuration", method: http.MethodPut, resource: resManagement, query: url.Values{"action": {"verify"}},
		async: true,
	}
}

func saveWork() work {
	return work{
		what: "save the configuration", method: http.MethodPut, resource: resManagement, query: url.Values{"action": {"save"}},
		async: true,
	}
}

func activateWork() work {
	return work{
		what: "activate the configuration", method: http.MethodPost, resource: resManagement,
		query: url.Values{"action": {"activate"}}, async: true,
	}
}

func backupWork(n appliance.NewBackup, p appliance.Passphrase) (work, error) {
	w := work{what: "back up the configuration", method: http.MethodPost, resource: resManagement, async: true}
	source, known := sources[n.Source]
	switch {
	case !filePattern.MatchString(n.Label):
		return w, fmt.Errorf("%s: %q is no name of a backup file", w.what, appliance.Label(n.Label))
	case !known:
		return w, fmt.Errorf("%s: there is no copy %q of it", w.what, appliance.Label(string(n.Source)))
	case p != nil && p.Reveal() != "":
		return w, fmt.Errorf("%s: %w: its backups are not encrypted", w.what, appliance.ErrUnsupported)
	case n.Firmware || n.Images || n.Destination != "" && n.Destination != appliance.Internal:
		return w, fmt.Errorf("%s: %w: it goes into a file on the appliance, and nothing with it", w.what, appliance.ErrUnsupported)
	}
	w.query = url.Values{"action": {"backup"}, "backupSource": {source}, "filename": {n.Label}}
	return w, nil
}

func restoreWork(r appliance.Restoring) (work, error) {
	w := work{what: "restore the configuration", method: http.MethodPut, resource: resManagement, async: true}
	w.query = url.Values{"action": {"restore"}}
	switch {
	case r.Devices || r.Firmware:
		return w, fmt.Errorf("%s: %w: there are no devices and no firmware", w.what, appliance.ErrUnsupported)
	case r.From == appliance.RunningCopy || r.From == appliance.SavedCopy:
		w.query.Set("restoreSource", sources[r.From])
	case r.From != "":
		return w, fmt.Errorf("%s: there is no copy %q to restore from", w.what, appliance.Label(string(r.From)))
	case !filePattern.MatchString(string(r.Backup)):
		return w, fmt.Errorf("%s: %q is no name of a backup file", w.what, appliance.Label(string(r.Backup)))
	default:
		w.query.Set("restoreSource", "backupFile")
		w.query.Set("filename", string(r.Backup))
		w.file = true
	}
	return w, nil
}

func deleteWork(id appliance.BackupID, from appliance.Location) (work, error) {
	w := work{what: "delete a backup file", method: http.MethodDelete, resource: resFiles, file: true}
	switch {
	case !filePattern.MatchString(string(id)):
		return w, fmt.Errorf("%s: %q is no name of one", w.what, appliance.Label(string(id)))
	case from != appliance.Internal && from != appliance.Everywhere:
		return w, fmt.Errorf("%s: %w: it lies on the appliance and nowhere else", w.what, appliance.ErrUnsupported)
	}
	w.what = "delete backup file " + string(id)
	w.query = url.Values{"filename": {string(id)}}
	return w, nil
}

// MakingRules tells of which copies a backup may be made.
func (c *Client) MakingRules() appliance.MakingRules {
	return appliance.MakingRules{Sources: []appliance.ConfigCopy{appliance.RunningCopy, appliance.SavedCopy, appliance.EditedCopy}}
}

// CreateBackup writes a copy of the configuration into a file that must not exist yet; the appliance may append .gz to its
// name (api/ecb.md 5.2). The label is the name, and there is no passphrase. It is sent once: after ErrAmbiguous the listing of
// files tells; a repetition could only be refused, as the name exists. For all else see do.
func (c *Client) CreateBackup(
	ctx context.Context, n appliance.NewBackup, p appliance.Passphrase,
) (appliance.Receipt, error) {
	return c.do(ctx, func() (work, error) { return backupWork(n, p) })
}

// Restore makes the edited configuration equal to a backup file, or with From to the running or the saved configuration, which
// throws the edits away (api/ecb.md 5.1). Nothing is in use before it is saved and activated. It is never sent twice: after
// ErrAmbiguous edited and running are compared, and an operator begins anew. ErrGone: there is no such file.
func (c *Client) Restore(ctx context.Context, r appliance.Restoring, _ appliance.Passphrase) (appliance.Receipt, error) {
	return c.do(ctx, func() (work, error) { return restoreWork(r) })
}

// DeleteBackup deletes a backup file (api/ecb.md 5.5); it is done when it is answered. It is sent once: after ErrAmbiguous the
// listing tells. ErrGone: there is no such file (any more).
func (c *Client) DeleteBackup(ctx context.Context, id appliance.BackupID, from appliance.Location) (appliance.Receipt, error) {
	return c.do(ctx, func() (work, error) { return deleteWork(id, from) })
}

// VerifyConfig has the edited configuration checked, which changes nothing (api/ecb.md 5.1). An operator may repeat it.
func (c *Client) VerifyConfig(ctx context.Context) (appliance.Receipt, error) {
	return c.do(ctx, func() (work, error) { return verifyWork(), nil })
}

// SaveConfig stores the edited configuration, everybody's half-made edits with it (api/ecb.md 5.1, 3.5). It is never sent twice
// by itself: after ErrAmbiguous an operator compares edited with running and begins anew (faults.md TOK-01).
func (c *Client) SaveConfig(ctx context.Context) (appliance.Receipt, error) {
	return c.do(ctx, func() (work, error) { return saveWork(), nil })
}

// ActivateConfig makes the saved configuration the running one (api/ecb.md 5.2). It is never sent twice by itself: after
// ErrAmbiguous an operator compares edited with running and begins anew.
func (c *Client) ActivateConfig(ctx context.Context) (appliance.Receipt, error) {
	return c.do(ctx, func() (work, error) { return activateWork(), nil })
}

// onceMore is what an operator does after the lock was lost in the middle (faults.md LCK-10, TOK-01).
const onceMore = "lock the configuration again and compare edited with running before you go on"

// do sends work once, with the token that owns the lock and no other. Accepted is not done: of asynchronous work Follow tells
// the end, and while such work runs, whoever began it, nothing is sent and the error is ErrBusy, as only the latest can be
// told of (api/ecb.md 5.3).
//
// ErrNotHeld: the lock is not ours, or was found lost by the answer (423, 401). Then Locks says so at once, nothing was done,
// and nothing is sent again with another token, which could not own the lock (api/ecb.md 4). After ErrAmbiguous it is not
// known whether it was done; the lock stays what it was.
func (c *Client) do(ctx context.Context, describe func() (work, error)) (appliance.Receipt, error) {
	w, err := describe()
	if err != nil {
		return appliance.Receipt{}, err
	}
	if c.http.ReadOnly() {
		return appliance.Receipt{}, fmt.Errorf("%s: %w", w.what, appliance.ErrReadOnly)
	}
	if err := c.begin(ctx); err != nil {
		return appliance.Receipt{}, err
	}
	defer c.end()
	receipt, err := c.work(ctx, w)
	return receipt, wrap(w.what, err)
}

// work is do with the turn.
func (c *Client) work(ctx context.Context, w work) (appliance.Receipt, error) {
	o, err := c.owning(ctx)
	if err != nil {
		return appliance.Receipt{}, err
	}
	if w.async {
		if err := c.idle(ctx); err != nil {
			return appliance.Receipt{}, err
		}
	}
	resp, said, err := c.send(ctx, w.request(c.restVersion(), o.token.text), changing)
	switch status := statusOf(err); {
	case err == nil:
		receipt := appliance.Receipt{Stamp: resp.Stamp, Told: c.withTrouble(said)}
		if w.async {
			receipt.Job = asyncJob
		}
		return receipt, nil
	case status == http.StatusLocked:
		c.lost(ctx, o, err, resp.Stamp)
		return appliance.Receipt{}, withHint(err, onceMore)
	case status == http.StatusUnauthorized:
		c.lost(ctx, o, err, resp.Stamp)
		return appliance.Receipt{}, deadToken(withHint(err, onceMore))
	case status == http.StatusNotFound && w.file:
		err = noFile(err)
	}
	return appliance.Receipt{}, err
}

// owning is the ownership of a lock that is surely ours, by one token.
func (c *Client) owning(ctx context.Context) (ownership, error) {
	o := c.ownership()
	switch {
	case o.phase == phaseNone, !c.live(o):
		return o, fmt.Errorf("%w by you; %s", appliance.ErrNotHeld, onceMore)
	case o.phase != phaseHeld:
		return o, fmt.Errorf("%w: the outcome of an earlier request for or about the lock is to be settled first", appliance.ErrBusy)
	case o.next.zero():
		return o, nil
	}
	receipt, err := c.proveNext(ctx, o)
	if err != nil {
		return o, err
	}
	if receipt.Unproven {
		return o, fmt.Errorf("%w: which of two tokens owns the lock is not proven yet", appliance.ErrBusy)
	}
	return c.ownership(), nil
}

// idle reports, as an error, that the appliance is at work already, or would not say.
func (c *Client) idle(ctx context.Context) error {
	op, _, err := c.readAsync(ctx)
	switch {
	case isAbsent(err): // nothing ran yet, or there is no such slot
		return nil
	case err != nil:
		return fmt.Errorf("nothing was begun: %w", err)
	case op.phase == appliance.PhaseRunning:
		return fmt.Errorf("%w: the appliance is busy with %q, and can tell of the latest operation only", appliance.ErrBusy, op.title)
	}
	return nil
}

// noFile explains a 404 to a request that names a file.
func noFile(err error) error {
	var r *appliance.Refusal
	if !errors.As(err, &r) {
		return err
	}
	gone := *r
	gone.Kind = appliance.ErrGone
	return &gone
}

// workOf is the work of an act, if it is one of an ECB's.
func workOf(a appliance.Act) (work, error) {
	switch a.Verb {
	case appliance.VerbCreate:
		return backupWork(a.Making, nil)
	case appliance.VerbDelete:
		return deleteWork(a.Transfer.Backup, appliance.Location(a.Transfer.Destination))
	case appliance.VerbRestore:
		return restoreWork(a.Restore)
	case appliance.VerbVerify:
		return verifyWork(), nil
	case appliance.VerbSave:
		return saveWork(), nil
	case appliance.VerbActivate:
		return activateWork(), nil
	default:
		return work{}, appliance.ErrUnsupported
	}
}

// explainWork lists what work sends.
func (c *Client) explainWork(a appliance.Act) []appliance.Call {
	w, err := workOf(a)
	if err != nil {
		return nil
	}
	var none secret.Secret
	var calls []appliance.Call
	if w.async {
		calls = append(calls, c.http.Call(readRequest(c.restVersion(), resAsync, none), "bearer", ""))
	}
	return append(calls, c.http.Call(w.request(c.restVersion(), none), "bearer", ""))
}
