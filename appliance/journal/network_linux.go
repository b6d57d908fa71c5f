package journal

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// fuse is the number of every file system that a program provides; its name tells which it is.
const fuse = 0x65735546

// networks are the numbers of network file systems, as statfs(2) tells them.
var networks = map[uint32]string{
	0x6969: "nfs", 0x517b: "smb", 0xff534d42: "cifs", 0xfe534d42: "smb2", 0x01021997: "9p", 0x5346414f: "afs",
	0x6b414653: "afs", 0x73757245: "coda", 0x00c36400: "ceph", 0x0bd00bd0: "lustre", 0x47504653: "gpfs", 0x7461636f: "ocfs2",
	0x01161970: "gfs2", 0x564c: "ncp",
}

// localFuse are names of file systems in user space that keep their files on this host.
var localFuse = map[string]bool{
	"fuseblk": true, "fuse.fuse-overlayfs": true, "fuse.gocryptfs": true, "fuse.encfs": true, "fuse.bindfs": true,
	"fuse.mergerfs": true,
}

// networkKind names the network file system on which the folder lies; empty = it lies on this host.
func networkKind(folder string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return "", err
	}
	var st syscall.Stat_t
	if err := syscall.Stat(folder, &st); err != nil {
		return "", err
	}
	mounts := []byte(nil)
	if uint32(fs.Type) == fuse {
		var err error
		if mounts, err = os.ReadFile("/proc/self/mountinfo"); err != nil {
			return "", err
		}
	}
	return judge(uint32(fs.Type), st.Dev, mounts), nil
}

// judge names the network file system of that number, on that device; mounts is /proc/self/mountinfo, where number is fuse.
func judge(number uint32, device uint64, mounts []byte) string {
	if number != fuse {
		return networks[number]
	}
	want := fmt.Sprintf("%d:%d", major(device), minor(device))
	for line := range bytes.Lines(mounts) {
		left, right, _ := strings.Cut(string(line), " - ")
		id, kind := strings.Fields(left), strings.Fields(right)
		if len(id) < 3 || len(kind) < 1 || id[2] != want {
			continue
		}
		if localFuse[kind[0]] {
			return ""
		}
		return kind[0]
	}
	return "fuse"
}

func major(device uint64) uint64 { return device>>8&0xfff | device>>32&^0xfff }
func minor(device uint64) uint64 { return device&0xff | device>>12&0xffffff00 }
