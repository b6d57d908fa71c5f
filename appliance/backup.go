package appliance

import (
	"regexp"
	"strings"
	"time"
)

// BackupID names one backup package: a UUID in lower case on an LXCA, a file name on an ECB.
type BackupID string

var uuidPattern = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// ParseUUID accepts a dashed UUID in either case and returns it in lower case.
func ParseUUID(s string) (BackupID, bool) {
	s = strings.ToLower(s)
	return BackupID(s), uuidPattern.MatchString(s)
}

// Location is one place that a backup lies in: Internal or the mount point of a share.
type Location string

// Internal is an appliance's own repository.
const Internal Location = "internal"

// ParseLocation accepts `internal` and absolute paths that are printable as they stand.
func ParseLocation(s string) (Location, bool) {
	if s == string(Internal) {
		return Internal, true
	}
	ok := len(s) > 1 && len(s) <= LabelLimit && s[0] == '/' && Label(s).String() == s && !strings.Contains(s, "//") &&
		!strings.Contains(s+"/", "/../")
	return Location(s), ok
}

// Backup is one package as its appliance lists it; the same uuid in several places is one backup (faults.md JOB-11).
type Backup struct {
	ID        BackupID
	Label     Text
	File      Text
	Created   time.Time // zero = unknown; CreText shows what was said
	CreText   Text
	Size      int64 // bytes; -1 = unknown
	Checksum  Text
	Version   Text // of the appliance that made it
	By        Text
	Locations []Location
	Fields    Attributes
	Raw       Raw
}

// At reports whether the backup lies in l.
func (b Backup) At(l Location) bool {
	for _, x := range b.Locations {
		if x == l {
			return true
		}
	}
	return false
}

// BackupList is one listing. Unreadable counts records without a usable id.
type BackupList struct {
	Backups    []Backup
	Unreadable int
	Stamp      Stamp
}

// Space is how full a repository is, in bytes; -1 = unknown. The vendor names no unit: Text holds what was said.
type Space struct {
	Used, Total int64
	Text        Text
	Stamp       Stamp
}
