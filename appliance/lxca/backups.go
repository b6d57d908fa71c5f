package lxca

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"holdfast/appliance"
)

// maxEntries is how many further entries of one uuid are merged; a backup lies in a handful of places.
const maxEntries = 32

// Backups lists the backups that the appliance knows, with every attribute of api/lxca.md 3.2 and any other.
func (c *Client) Backups(ctx context.Context) (appliance.BackupList, error) {
	a, err := c.send(ctx, get(pathData))
	if err != nil {
		return appliance.BackupList{}, fmt.Errorf("list backups: %w", err)
	}
	v, err := a.listing()
	if err != nil {
		return appliance.BackupList{}, fmt.Errorf("list backups: %w", err)
	}
	var found appliance.BackupList
	if a.Status != http.StatusNoContent {
		found, err = decodeBackups(v)
	}
	if err != nil {
		return appliance.BackupList{}, fmt.Errorf("list backups: %w", err)
	}
	found.Stamp = a.Stamp
	return found, nil
}

// decodeBackups reads a listing of backups: an object with the list backups, or the list alone. Entries of the same uuid
// are one backup (faults.md JOB-11).
func decodeBackups(v value) (appliance.BackupList, error) {
	listed := v
	if v.kind == object {
		listed = v.get("backups")
	}
	if listed.kind != list {
		return appliance.BackupList{}, malformed("%s instead of the list of backups", listed.kind)
	}
	records, err := records(listed)
	if err != nil {
		return appliance.BackupList{}, err
	}
	found := appliance.BackupList{Backups: make([]appliance.Backup, 0, len(records))}
	at := make(map[appliance.BackupID]int, len(records))
	var first []string         // the source of each backup's first entry,
	more := map[int][]string{} // and of the others, where there are several
	for _, r := range records {
		id, ok := appliance.ParseUUID(r.get("uuid", "id").id())
		i, again := at[id]
		switch {
		case !ok, again && len(more[i]) == maxEntries:
			found.Unreadable++
		case again:
			found.Backups[i] = merge(found.Backups[i], decodeBackup(id, r.value))
			more[i] = append(more[i], r.text)
		default:
			at[id] = len(found.Backups)
			found.Backups = append(found.Backups, decodeBackup(id, r.value))
			first = append(first, r.text)
		}
	}
	for i, others := range more {
		found.Backups[i].Raw = appliance.RawAnswer([]byte("[" + first[i] + "," + strings.Join(others, ",") + "]"))
	}
	return found, nil
}

// decodeBackup reads one entry. The keys that the vendor does not document are those that api/lxca.md 3.2 expects.
func decodeBackup(id appliance.BackupID, v value) appliance.Backup {
	date := v.get("backupDate", "date", "created")
	b := appliance.Backup{
		ID:       id,
		Label:    v.get("label").label(),
		File:     v.get("filename").label(),
		CreText:  date.label(),
		Size:     -1,
		Checksum: v.get("checksum").label(),
		Version:  v.get("version", "lxcaVersion", "applianceVersion").label(),
		By:       v.get("backupRequestedBy", "requestedBy", "createdBy").label(),
		Fields:   v.fields(),
		Raw:      v.raw(),
	}
	b.Created, _ = moment(date.word())
	if n, ok := v.get("packageSize", "size", "fileSize").count(); ok {
		b.Size = n
	}
	for _, key := range []string{"location", "locations", "mountPoint", "mountPoints"} {
		b.Locations = appendLocations(b.Locations, v.get(key))
	}
	return b
}

// appendLocations reads a location: a string, an object that holds one, or a list of either. What is neither internal
// nor a mount point is no location; it stays visible among the fields.
func appendLocations(to []appliance.Location, v value) []appliance.Location {
	switch v.kind {
	case list:
		for _, k := range v.kids {
			if k.kind != list {
				to = appendLocations(to, k.value)
			}
		}
	case object:
		for _, key := range []string{"location", "mountPoint", "path", "name", "type"} {
			if place, ok := parseLocation(v.get(key).word()); ok {
				return appendNew(to, place)
			}
		}
	case text:
		for _, place := range splitLocations(v.word()) {
			to = appendNew(to, place)
		}
	}
	return to
}

// splitLocations reads a string that holds one place, or several with commas between them. A comma may also be part of a
// mount point, so it only separates where each part is a place.
func splitLocations(s string) []appliance.Location {
	var places []appliance.Location
	for part := range strings.SplitSeq(s, ",") {
		place, ok := parseLocation(part)
		if !ok {
			places = nil
			break
		}
		places = append(places, place)
	}
	if whole, ok := parseLocation(s); ok && len(places) == 0 {
		places = []appliance.Location{whole}
	}
	return places
}

// parseLocation reads one place.
func parseLocation(s string) (appliance.Location, bool) {
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, string(appliance.Internal)) {
		return appliance.Internal, true
	}
	return appliance.ParseLocation(s)
}

// appendNew appends x unless it is there.
func appendNew[T comparable](to []T, x T) []T {
	if slices.Contains(to, x) {
		return to
	}
	return append(to, x)
}

// merge makes one backup of two entries with the same uuid: all places of both, and what the first does not tell from
// the second. Where they contradict each other the checksum says both, so that it equals neither.
func merge(a, b appliance.Backup) appliance.Backup {
	for _, place := range b.Locations {
		a.Locations = appendNew(a.Locations, place)
	}
	fill(&a.Label, b.Label)
	fill(&a.File, b.File)
	fill(&a.Version, b.Version)
	fill(&a.By, b.By)
	if a.CreText.Empty() {
		a.Created, a.CreText = b.Created, b.CreText
	}
	if a.Size < 0 {
		a.Size = b.Size
	}
	if one, other := a.Checksum.String(), b.Checksum.String(); other != "" && !strings.Contains(one, other) {
		a.Checksum = appliance.Label(strings.TrimPrefix(one+" | "+other, " | "))
	}
	for _, f := range b.Fields {
		a.Fields = appendNew(a.Fields, f)
	}
	sortFields(a.Fields)
	return a
}

// fill sets an empty text.
func fill(to *appliance.Text, from appliance.Text) {
	if to.Empty() {
		*to = from
	}
}
