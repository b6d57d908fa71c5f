package xclarity

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestBackupList(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{Backups: 6})
	r := b.viewer().get(dataPath).want(200)
	if r.len("backups") != 6 || r.text("result") != "success" {
		t.Fatalf("list %s", r.body)
	}
	if r.text("backups", 0, "label") != "nightly-1121" || r.text("backups", 0, "backupDate") != "2026-11-21T02:00:00.000Z" ||
		r.text("backups", 1, "label") != "nightly-1120" || r.text("backups", 0, "locations", 0) != Internal {
		t.Fatalf("list %s", r.body)
	}
	for i := range 6 {
		size, err := strconv.ParseInt(r.text("backups", i, "packageSize"), 10, 64)
		if err != nil || size < 8e9 || size >= 14e9 {
			t.Fatalf("size %d, %v", size, err)
		}
		if c := r.text("backups", i, "checksum"); !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(c) {
			t.Fatalf("checksum %q", c)
		}
		if u := r.text("backups", i, "uuid"); !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(u) {
			t.Fatalf("uuid %q", u)
		}
	}
	for _, key := range []string{"backupRequestedBy", "chassis", "dhcpEth", "dhcpMac", "eth0IPv4", "eth0IPv6", "eth1IPv4", "eth1IPv6", "filename",
		"firmware", "ipRedirect", "version"} {
		r.text("backups", 0, key)
	}
	if other := newWorld(t).add(Options{Backups: 6}).get(dataPath).body; other != r.body {
		t.Fatal("the same seed gives other backups")
	}
	if other := newWorld(t).add(Options{Backups: 6, Seed: 1}).get(dataPath).body; other == r.body {
		t.Fatal("another seed gives the same backups")
	}
}

func TestBackupShapes(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	b.AddBackup(Backup{Label: "one", Size: 5, Locations: []string{Internal, DefaultShare}})
	for setting, check := range map[string]func(reply) bool{
		"location-key=location":    func(r reply) bool { return r.text("backups", 0, "location") == Internal+","+DefaultShare },
		"location-key=mountPoints": func(r reply) bool { return r.text("backups", 0, "mountPoints", 1, "mountPoint") == DefaultShare },
		"labels=hostile":           func(r reply) bool { return strings.ContainsRune(r.text("backups", 0, "label"), 0x1b) },
		"sizes=number":             func(r reply) bool { return r.at("backups", 0, "packageSize") == num("5") },
		"booleans=string":          func(r reply) bool { return r.at("backups", 0, "dhcp") == "false" },
		"timestamps=seconds":       func(r reply) bool { return r.at("backups", 0, "backupDate") == "2026-11-21T12:00:00Z" },
		"timestamps=offset":        func(r reply) bool { return r.at("backups", 0, "backupDate") == "2026-11-21T14:00:00.000+02:00" },
		"timestamps=space":         func(r reply) bool { return r.at("backups", 0, "backupDate") == "2026-11-21 12:00:00.000" },
		"timestamps=dashes":        func(r reply) bool { return r.at("backups", 0, "backupDate") == "11-21-2026-12:00" },
		"timestamps=underscore":    func(r reply) bool { return r.at("backups", 0, "backupDate") == "2026-11-21_12-00-00" },
		"timestamps=words":         func(r reply) bool { return r.at("backups", 0, "backupDate") == "November 21, 2026 12:00:00 PM UTC" },
		"timestamps=epoch":         func(r reply) bool { return r.at("backups", 0, "backupDate") == num("1795262400000") },
		"timestamps=empty":         func(r reply) bool { return r.at("backups", 0, "backupDate") == "" },
	} {
		name, _, _ := strings.Cut(setting, "=")
		before := b.Switches().Get(name)
		b.set(setting)
		if r := b.get(dataPath); !check(r) {
			t.Errorf("%s: %s", setting, r.body)
		}
		b.set(name + "=" + before)
	}
}

func TestDeleteBackup(t *testing.T) {
	w := newWorld(t)
	b := w.add(Options{})
	both := []string{Internal, DefaultShare}
	one, two := b.AddBackup(Backup{Locations: slices.Clone(both)}), b.AddBackup(Backup{Locations: slices.Clone(both)})
	b.do("DELETE", dataPath+"/"+one, "").want(400)
	b.do("DELETE", dataPath+"/unknown?location=all", "").want(400)
	b.do("DELETE", dataPath+"/"+one+"?location=/mnt/other", "").want(400)
	b.viewer().do("DELETE", dataPath+"/"+one+"?location=all", "").want(403)
	if r := b.do("DELETE", dataPath+"/"+one+"?location=internal", "").want(200); r.text("result") != "success" {
		t.Fatalf("body %s", r.body)
	}
	if got := b.where(one); !slices.Equal(got, []string{DefaultShare}) {
		t.Fatalf("it lies in %v", got)
	}
	b.do("DELETE", dataPath+"/"+one+"?location=/mnt/my_remote_share", "").want(200)
	b.do("DELETE", dataPath+"/"+two+"?location=all", "").want(200)
	if n := b.get(dataPath).len("backups"); n != 0 {
		t.Fatalf("%d are left", n)
	}
	if got := w.whats(0); !slices.Equal(got, []string{"backup.added", "backup.added", "backup.deleted", "backup.deleted", "backup.deleted"}) {
		t.Fatalf("truth %v", got)
	}
}

func TestRepository(t *testing.T) {
	b := newWorld(t).add(Options{})
	b.AddBackup(Backup{Size: 150_000_000_000})
	if r := b.get(dataPath + "/repository").want(200); r.text("spaceUsed") != "150000000000" || r.text("totalSpace") != "200000000000" {
		t.Fatalf("space %s", r.body)
	}
	for size, result := range map[string]string{"50000000000": "success", "50000000001": "failed"} {
		if r := b.get(dataPath + "/repository?packageSize=" + size).want(200); r.text("result") != result {
			t.Fatalf("%s: %s", size, r.body)
		}
	}
	for _, size := range []string{"", "-1", "x", "1.5"} {
		b.get(dataPath + "/repository?packageSize=" + size).want(400)
	}
	b.set("sizes=number")
	if r := b.get(dataPath + "/repository"); r.at("spaceUsed") != num("150000000000") {
		t.Fatalf("space %s", r.body)
	}
	if r := b.get("/managementServer/quiesce").want(200); r.body != "{}" {
		t.Fatalf("quiesce %s", r.body)
	}
}

func TestRestore(t *testing.T) {
	w := newWorld(t)
	swapped := 0
	b := w.add(Options{Backups: 1, Fresh: false, Restored: func() { swapped++ }})
	uuid := b.newest()
	post := func(action string) reply {
		return b.do("POST", dataPath, fmt.Sprintf(`{"operation":"restore","action":"%s","uuid":"%s","passphrase":"Passw0rd-backup"}`, action, uuid))
	}
	for _, body := range []string{"", `{"operation":"backup","action":"start"}`, `{"operation":"restore","action":"start","uuid":"x"}`} {
		b.do("POST", dataPath, body).want(400)
	}
	post("prepare").want(200)
	post("start").want(400) // in use
	w.time.Add(6 * time.Second)
	id := post("start").want(200).text("jobId")
	if swapped != 1 {
		t.Fatalf("the certificate was swapped %d times", swapped)
	}
	w.time.Add(restartTime - 1)
	if !aborted(func() { b.get("/aicc") }) {
		t.Fatal("it answers during the restart")
	}
	w.time.Add(1)
	if s := b.get("/tasks/"+id).want(200).text(0, "status"); s != "Complete" {
		t.Fatalf("status %s", s)
	}
	b.set("restore=none")
	id = post("start").want(200).text("jobId")
	b.cancelJob(id).want(400)
	if swapped != 1 {
		t.Fatal("the certificate was swapped again")
	}
	if got := w.whats(0); !slices.Contains(got, "backup.restored") {
		t.Fatalf("truth %v", got)
	}
}

func TestManyLocksAndBackups(t *testing.T) {
	b := newWorld(t).add(Options{Locks: 10_000, Backups: 20_000, Jobs: 1_000})
	if n := b.get(locksPath).want(200).len(); n != 10_000 {
		t.Fatalf("%d locks", n)
	}
	list := b.get(dataPath).want(200)
	if n := strings.Count(list.body, `"uuid":`); n != 20_000 {
		t.Fatalf("%d backups", n)
	}
	if r := b.get(dataPath + "/repository?packageSize=1000000").want(200); r.text("result") != "success" {
		t.Fatalf("space %s", r.body)
	}
}

func BenchmarkBackups100k(b *testing.B) {
	a := New(Options{Backups: 100_000})
	c := &call{}
	for b.Loop() {
		if ans := a.getBackups(c); len(ans.chunks) != 200_001 {
			b.Fatal(len(ans.chunks))
		}
	}
}

func BenchmarkLocks10k(b *testing.B) {
	a := New(Options{Locks: 10_000})
	c := &call{}
	for b.Loop() {
		if ans := a.getLocks(c); ans.status != 200 {
			b.Fatal(ans.status)
		}
	}
}
