package appliance_test

import (
	"net/url"
	"path"
	"strings"
	"testing"

	"holdfast/appliance"
)

const (
	lockID = "0123456789ABCDEF0123456789abcdef"
	uuid   = "c9b7b8f0-1a2b-4c3d-8e9f-0123456789ab"
)

// hostileNames are no id, no job and no uuid, whatever stands around them.
var hostileNames = []string{
	"", ".", "..", "/", "../../etc/passwd", "a/b", `a\b`, "%2e%2e%2f", "a%00", "a\x00b", "a b", "a?b=c", "a#b", "a;b", "a\n",
	"\na", "a\r\nHost: x",
	"\x1b[31m", "\u202eabc", "ａ", "١", "\u212a", "a\u0301", "\xff", "~", "$(x)", "'", "*", "con:",
}

func TestFault_DAT09_LockID(t *testing.T) {
	for _, good := range []string{lockID, strings.Repeat("Z", 32), strings.Repeat("9", 32)} {
		if id, ok := appliance.ParseLockID(good); !ok || string(id) != good {
			t.Errorf("ParseLockID(%q) = %q, %v", good, id, ok)
		}
	}
	bad := []string{
		lockID[:31], lockID + "0", lockID[:31] + "-", lockID[:31] + "\n", lockID + "\n", "\n" + lockID,
		lockID[:31] + "é", appliance.ConfigurationLock,
	}
	for _, h := range hostileNames {
		bad = append(bad, h, lockID+h+"x", h+lockID+"x")
	}
	for _, s := range bad {
		if _, ok := appliance.ParseLockID(s); ok {
			t.Errorf("ParseLockID(%q) accepts it", s)
		}
	}
}

func TestFault_DAT09_UUID(t *testing.T) {
	for _, good := range []string{uuid, strings.ToUpper(uuid), "00000000-0000-0000-0000-000000000000"} {
		if id, ok := appliance.ParseUUID(good); !ok || string(id) != strings.ToLower(good) {
			t.Errorf("ParseUUID(%q) = %q, %v", good, id, ok)
		}
	}
	bad := []string{
		strings.ReplaceAll(uuid, "-", ""), "{" + uuid + "}", "urn:uuid:" + uuid, uuid + "\n", uuid + "0", uuid[:35], uuid[:35] + "g",
		strings.Replace(uuid, "-", "\u2010", 1), uuid[:35] + "\u212a",
	}
	for _, s := range append(bad, hostileNames...) {
		if _, ok := appliance.ParseUUID(s); ok {
			t.Errorf("ParseUUID(%q) accepts it", s)
		}
	}
}

func TestFault_DAT09_JobID(t *testing.T) {
	for _, good := range []string{"1", "17", "async", "a.b-c_D", "...", strings.Repeat("7", 64)} {
		if id, ok := appliance.ParseJobID(good); !ok || string(id) != good {
			t.Errorf("ParseJobID(%q) = %q, %v", good, id, ok)
		}
	}
	bad := []string{strings.Repeat("7", 65), "17\n", "1,2", "-1/..", "1:2"}
	for _, s := range append(bad, hostileNames...) {
		if _, ok := appliance.ParseJobID(s); ok {
			t.Errorf("ParseJobID(%q) accepts it", s)
		}
	}
}

func TestFault_DAT09_Location(t *testing.T) {
	good := []string{
		"internal", "/mnt/my_remote_share", "/a", "/mnt/with space", "/mnt/Größe", "/mnt/..a", "/mnt/a..",
		"/" + strings.Repeat("a", 255),
	}
	for _, s := range good {
		if l, ok := appliance.ParseLocation(s); !ok || string(l) != s {
			t.Errorf("ParseLocation(%q) = %q, %v", s, l, ok)
		}
	}
	bad := []string{
		"", "/", "Internal", "internal\n", "mnt/x", "./mnt", "../mnt", "//mnt", "/mnt//x", "/..", "/mnt/..", "/mnt/../etc",
		"/mnt/x\n", "/mnt/\x1b[31m",
		"/mnt/\u202egpj", "/mnt/\u200bx", "/mnt/\xff", "/mnt/\u009b", "/mnt/a\u00a0b", "/mnt/\x00", "/mnt/a\u0301\u0301\u0301",
		"/" + strings.Repeat("a", 256),
		"https://x/y", "~/x", `C:\x`,
	}
	for _, s := range bad {
		if _, ok := appliance.ParseLocation(s); ok {
			t.Errorf("ParseLocation(%q) accepts it", s)
		}
	}
}

// FuzzNames: an id that is accepted is one element of a URL path as it stands; a location says nothing that it does not show.
func FuzzNames(f *testing.F) {
	for _, s := range append([]string{lockID, uuid, strings.ToUpper(uuid), "17", "internal", "/mnt/x"}, hostileNames...) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var ids []string
		if id, ok := appliance.ParseLockID(s); ok {
			ids = append(ids, string(id))
		}
		if id, ok := appliance.ParseUUID(s); ok {
			ids = append(ids, string(id))
		}
		if id, ok := appliance.ParseJobID(s); ok {
			ids = append(ids, string(id))
		}
		for _, id := range ids {
			if u := "/x/" + id; url.PathEscape(id) != id || path.Clean(u) != u || len(id) > 64 {
				t.Errorf("%q is not a path element as it stands", id)
			}
		}
		if l, ok := appliance.ParseLocation(s); ok && l != appliance.Internal {
			if p := string(l); p[0] != '/' || appliance.Label(p).String() != p || strings.Contains(p+"/", "/../") {
				t.Errorf("location %q", p)
			}
		}
	})
}

func TestBackupAt(t *testing.T) {
	b := appliance.Backup{Locations: []appliance.Location{appliance.Internal, "/mnt/nas"}}
	if !b.At(appliance.Internal) || !b.At("/mnt/nas") || b.At("/mnt") || (appliance.Backup{}).At(appliance.Internal) {
		t.Errorf("At is wrong for %v", b.Locations)
	}
}
