package journal

import "syscall"

// networks are the names of network file systems, as statfs(2) tells them.
var networks = map[string]bool{
	"nfs": true, "smbfs": true, "afpfs": true, "webdav": true, "ftp": true, "macfuse": true, "osxfuse": true,
}

// networkKind names the network file system on which the folder lies; empty = it lies on this host.
func networkKind(folder string) (string, error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return "", err
	}
	var name []byte
	for _, c := range fs.Fstypename {
		if c == 0 {
			break
		}
		name = append(name, byte(c))
	}
	if networks[string(name)] {
		return string(name), nil
	}
	return "", nil
}
