package ecb

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"holdfast/appliance"
)

// backupFolder is where an ECB keeps its backup files, its own disk (api/ecb.md 5.5).
const backupFolder = "/code/bkups/"

// filePattern is what a backup's file name may look like. It is put into requests (faults.md DAT-09).
var filePattern = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._+-]{0,127}$`)

// mostRows bounds a listing (faults.md NET-04).
const mostRows = 100_000

// longestKept is how many bytes a listing may have to be kept as it came. All of it goes with each of its files, since what tells
// of one of them is documented nowhere, and is compared with the next listing.
const longestKept = 16 << 10

// decodeFiles reads the list of backup files. Its elements are documented nowhere, so every element that is called
// something with file, name or backup, or that holds a name ending as backups do, is taken for a file name
// (api/ecb.md 5.5). unreadable counts those that cannot be one.
func decodeFiles(root *node) (list []appliance.Backup, unreadable int, err error) {
	data, err := payload(root)
	if err != nil {
		return nil, 0, err
	}
	seen := map[string]bool{}
	others := 0
	data.walk(func(_ []string, n *node) {
		fields := fieldsOfOne(n)
		for _, k := range n.kids {
			switch name, ok := fileName(k); {
			case !k.leaf() || k.text == "":
			case !ok:
				others++
			case !filePattern.MatchString(name):
				unreadable++
			case !seen[name]:
				seen[name] = true
				list = append(list, backupOf(name, fields))
			}
		}
	})
	if len(list) > mostRows {
		return nil, 0, fmt.Errorf("%w: more than %d files", appliance.ErrTooLarge, mostRows)
	}
	if len(list) == 0 && unreadable == 0 && (others > 0 || data.text != "") {
		return nil, 0, malformed("no file name is found in it")
	}
	return list, unreadable, nil
}

// fileName is the text of a leaf that names a file, without the folder.
func fileName(n *node) (string, bool) {
	name := strings.TrimPrefix(n.text, backupFolder)
	tag := strings.ToLower(n.name)
	for _, about := range []string{"size", "date", "time", "count", "number", "type", "owner", "path", "folder", "dir"} {
		if strings.Contains(tag, about) {
			return name, false
		}
	}
	for _, is := range []string{"file", "name", "backup"} {
		if strings.Contains(tag, is) {
			return name, true
		}
	}
	return name, strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".xml")
}

func backupOf(name string, fields []appliance.Field) appliance.Backup {
	return appliance.Backup{
		ID:        appliance.BackupID(name),
		Label:     appliance.Label(name),
		File:      appliance.Label(name),
		Size:      -1,
		Locations: []appliance.Location{appliance.Internal},
		Fields:    func() []appliance.Field { return fields },
	}
}

// fieldsOfOne is what an element tells, when it is about a single file.
func fieldsOfOne(n *node) []appliance.Field {
	names := 0
	for _, k := range n.kids {
		if _, ok := fileName(k); ok {
			names++
		}
	}
	if names != 1 {
		return nil
	}
	return fieldsOf("file", n)
}

// Backups lists the backup files on the appliance. Nothing but their names is known of them.
func (c *Client) Backups(ctx context.Context) (appliance.BackupList, error) {
	a, _, err := c.get(ctx, resFiles)
	if err != nil {
		return appliance.BackupList{}, err
	}
	if a.resp.Status == http.StatusNoContent {
		return appliance.BackupList{Stamp: a.resp.Stamp}, nil
	}
	list, unreadable, err := decodeFiles(a.root)
	if err != nil {
		return appliance.BackupList{}, fmt.Errorf("read %s: %w", resFiles, err)
	}
	if len(a.resp.Body) <= longestKept {
		for i := range list {
			list[i].Raw = appliance.RawAnswer(a.resp.Body)
		}
	}
	return appliance.BackupList{Backups: list, Unreadable: unreadable, Stamp: a.resp.Stamp}, nil
}
