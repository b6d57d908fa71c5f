package lxca

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"holdfast/appliance"
)

// How much of one backup is kept. It lies in a handful of places and is listed once in each.
const (
	maxEntries   = 33
	maxLocations = 64
)

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
		found, err = decodeBackups(ctx, v)
	}
	if err != nil {
		return appliance.BackupList{}, fmt.Errorf("list backups: %w", err)
	}
	found.Stamp = a.Stamp
	return found, nil
}

// decodeBackups reads a listing of backups: an object with the list backups, or the list alone. Entries of the same uuid
// are one backup (faults.md JOB-11).
func decodeBackups(ctx context.Context, v value) (appliance.BackupList, error) {
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
	var found appliance.BackupList
	ids := make([]appliance.BackupID, 0, len(records))
	entries := make(map[appliance.BackupID][]value, len(records))
	for _, r := range records {
		id, ok := appliance.ParseUUID(r.get("uuid", "id").id())
		switch same := entries[id]; {
		case !ok, len(same) == maxEntries:
			found.Unreadable++
			continue
		case same == nil:
			ids = append(ids, id)
		}
		entries[id] = append(entries[id], r.value)
	}
	found.Backups = make([]appliance.Backup, 0, len(ids))
	for _, id := range ids {
		if ctx.Err() != nil {
			return appliance.BackupList{}, ctx.Err()
		}
		found.Backups = append(found.Backups, decodeEntries(id, entries[id]))
	}
	return found, nil
}

// decodeEntries makes one backup of all entries with the same uuid.
func decodeEntries(id appliance.BackupID, entries []value) appliance.Backup {
	b := decodeBackup(id, entries[0])
	source := entries[0].text
	if len(entries) > 1 {
		sources := []string{source}
		for _, e := range entries[1:] {
			b = merge(b, decodeBackup(id, e))
			sources = append(sources, e.text)
		}
		source = "[" + strings.Join(sources, ",") + "]"
	}
	own := []byte(source)
	b.Raw, b.Fields = appliance.RawAnswer(own), func() []appliance.Field { return attributes(own) }
	return b
}

// attributes are the fields of one entry, or the different ones of a list of them.
func attributes(source []byte) []appliance.Field {
	v, err := parse(source, documentTime)
	switch {
	case err != nil:
		return nil
	case v.kind == object:
		return v.fields()
	}
	all := fieldSet{seen: map[appliance.Field]bool{}}
	for _, entry := range v.kids {
		all.add(entry.fields())
	}
	return all.list()
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
// nor a mount point is no location; it stays visible among the fields, as do places beyond maxLocations.
func appendLocations(to []appliance.Location, v value) []appliance.Location {
	switch v.kind {
	case list:
		for _, k := range v.kids {
			if k.kind != list && len(to) < maxLocations {
				to = appendLocations(to, k.value)
			}
		}
	case object:
		for _, key := range []string{"location", "mountPoint", "path", "name", "type"} {
			if place, ok := parseLocation(v.get(key).word()); ok {
				return appendLocation(to, place)
			}
		}
	case text:
		to = appendLocation(to, splitLocations(v.word())...)
	}
	return to
}

// appendLocation appends the places that are not there, up to maxLocations.
func appendLocation(to []appliance.Location, places ...appliance.Location) []appliance.Location {
	for _, place := range places {
		if len(to) == maxLocations {
			break
		}
		to = appendNew(to, place)
	}
	return to
}

// splitLocations reads a string that holds one place, or up to maxLocations with commas between them. A comma may also be
// part of a mount point, so it only separates where each part is a place.
func splitLocations(s string) []appliance.Location {
	var places []appliance.Location
	if strings.Count(s, ",") >= maxLocations {
		return nil
	}
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

// appendNew appends x unless it is there. It looks at all that is there, so that must have a bound.
func appendNew[T comparable](to []T, x T) []T {
	if slices.Contains(to, x) {
		return to
	}
	return append(to, x)
}

// merge makes one backup of two entries with the same uuid, but for their fields: all places of both, and what the first
// does not tell from the second. Where they contradict each other the checksum says both, so that it equals neither.
func merge(a, b appliance.Backup) appliance.Backup {
	a.Locations = appendLocation(a.Locations, b.Locations...)
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
	return a
}

// fill sets an empty text.
func fill(to *appliance.Text, from appliance.Text) {
	if to.Empty() {
		*to = from
	}
}

// fieldSet collects the different fields of several entries.
type fieldSet struct {
	fields []appliance.Field
	seen   map[appliance.Field]bool
	more   bool // than are kept
}

// add takes those that are new, up to maxFields in all.
func (s *fieldSet) add(fields []appliance.Field) {
	for _, f := range fields {
		switch {
		case s.seen[f]:
		case len(s.fields) == maxFields:
			s.more = true
		default:
			s.seen[f] = true
			s.fields = append(s.fields, f)
		}
	}
}

// list is all of them in order of key.
func (s *fieldSet) list() []appliance.Field {
	sortFields(s.fields)
	return withMore(s.fields, s.more)
}
