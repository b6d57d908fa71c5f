package lxca

import (
	"context"
	"fmt"
	"strings"

	"holdfast/appliance"
)

// Quiet tells how far the backup is that the appliance makes, or the restore or import that runs there (api/lxca.md 3.9).
// While it goes into or out of that state it answers nothing at all, which is no sign of failure.
func (c *Client) Quiet(ctx context.Context) (appliance.Quiet, error) {
	a, err := c.send(ctx, get(pathQuiesce))
	if err != nil {
		return appliance.Quiet{}, fmt.Errorf("ask for a running backup or restore: %w", err)
	}
	v, err := a.listing()
	if err != nil {
		return appliance.Quiet{}, fmt.Errorf("ask for a running backup or restore: %w", err)
	}
	quiet, err := decodeQuiet(v)
	if err != nil {
		return appliance.Quiet{}, fmt.Errorf("ask for a running backup or restore: %w", err)
	}
	quiet.Stamp = a.Stamp
	return quiet, nil
}

// decodeQuiet reads what runs. Neither request is there when nothing does; an answer without a body says the same.
func decodeQuiet(v value) (appliance.Quiet, error) {
	quiet := appliance.Quiet{Percent: -1}
	switch v.kind {
	case absent, null:
		return quiet, nil
	case object:
	default:
		return appliance.Quiet{}, malformed("%s instead of an object", v.kind)
	}
	if r := v.get("response"); r.kind == object {
		v = r
	}
	backup, restore := v.get("backupRequest"), v.get("restoreRequest")
	for _, r := range []value{backup, restore} {
		if r.kind != absent && r.kind != object {
			return appliance.Quiet{}, malformed("%s instead of a request", r.kind)
		}
	}
	quiet.Making, quiet.Restoring = backup.kind == object, restore.kind == object
	told := backup
	if !quiet.Making {
		told = restore
	}
	if told.kind == absent {
		return quiet, nil
	}
	if _, rest, coded := strings.Cut(told.get("status").word(), ": "); coded {
		quiet.Phase = appliance.Words(rest)
	} else {
		quiet.Phase = appliance.Words(told.get("status").word())
	}
	if p, ok := told.get("progress").float(); ok {
		quiet.Percent = min(max(p, 0), 100)
	}
	quiet.Job, _ = jobID(told.get("jobId").id())
	quiet.Backup, _ = backupID(told.get("uuid").id())
	quiet.Label, quiet.File = told.get("label").label(), told.get("filename").label()
	quiet.By = told.get("backupRequestedBy").label()
	if place, ok := parseLocation(told.get("remoteShareDestination").word()); ok {
		quiet.Destination = place
	}
	quiet.Fields = told.fields()
	return quiet, nil
}

// backupID accepts a uuid; anything else names no backup.
func backupID(s string) (appliance.BackupID, bool) {
	id, ok := appliance.ParseUUID(s)
	if !ok {
		return "", false
	}
	return id, true
}
