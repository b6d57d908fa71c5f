package journal

import "testing"

func TestFault_JNL07_Numbers(t *testing.T) {
	const mounts = `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext4 /dev/root rw,errors=continue
40 35 0:47 / /home/maria/far rw,nosuid shared:9 - fuse.sshfs maria@far: rw
41 35 0:48 / /mnt/stick rw shared:10 - fuseblk /dev/sdb1 rw
42 35 0:49 / /var rw - fuse.fuse-overlayfs overlay rw
short
`
	for _, c := range []struct {
		number uint32
		device uint64
		want   string
	}{
		{0xef53, 98 << 8, ""}, {0x01021994, 0, ""}, {0x58465342, 0, ""}, {0x9123683e, 0, ""}, // ext4, tmpfs, xfs, btrfs
		{0x6969, 0, "nfs"}, {0xff534d42, 0, "cifs"}, {0xfe534d42, 0, "smb2"}, {0x517b, 0, "smb"}, {0x01021997, 0, "9p"},
		{0x00c36400, 0, "ceph"}, {fuse, 47, "fuse.sshfs"}, {fuse, 48, ""}, {fuse, 49, ""}, {fuse, 50, "fuse"},
	} {
		if got := judge(c.number, c.device, []byte(mounts)); got != c.want {
			t.Errorf("%#x on %d is %q, want %q", c.number, c.device, got, c.want)
		}
	}
	const device = 0x234<<8 | 0x1000<<32 | 0x89 | 0x56700<<12
	if major(device) != 0x1234 || minor(device) != 0x56789 {
		t.Errorf("device %#x is %#x:%#x", uint64(device), major(device), minor(device))
	}
}
