package sim

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/appliance/sim/xclarity"
)

// WriteConfig writes a config file with which holdfast looks at the fleet as its administrator, and beside it one file
// NAME.password for each appliance. All of them are readable by their owner only. URLs and pins are those of the start.
func WriteConfig(path string, fleet *Fleet) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("write the configuration to %s: %w", path, reason(err))
	}
	var b strings.Builder
	b.WriteString("# Simulated appliances, written by `holdfast sim`. They exist while it runs.\n")
	for _, a := range fleet.appliances {
		admin := a.Accounts[0]
		secret := filepath.Join(filepath.Dir(abs), a.Name+".password")
		if err := writePrivate(secret, admin.Password); err != nil {
			return fmt.Errorf("write the password of %s to %s: %w", a.Name, secret, reason(err))
		}
		b.WriteString("\n[[appliance]]\n")
		for _, kv := range [][2]string{{"name", a.Name}, {"kind", a.Kind}, {"url", a.URL}, {"address", a.Address},
			{"user", admin.User}, {"password_file", secret}, {"pin", a.Pin}} {
			fmt.Fprintf(&b, "%s = %s\n", kv[0], quote(kv[1]))
		}
		if a.Kind == KindLXCA {
			fmt.Fprintf(&b, "mount_points = [%s]\n", quote(xclarity.DefaultShare)) // an empty share is in no listing
		}
		if a.Kind == KindECB {
			fmt.Fprintf(&b, "token_lifetime = %s\n", quote(short(fleet.tokenTTL)))
		}
	}
	if err := writePrivate(abs, b.String()); err != nil {
		return fmt.Errorf("write the configuration to %s: %w", abs, reason(err))
	}
	return nil
}

// Writable says why WriteConfig could not write that file, before there is anything to write.
func Writable(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("write the configuration to %s: it is a folder", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".holdfast-*")
	if err != nil {
		return fmt.Errorf("write the configuration to %s: %w", path, reason(err))
	}
	_ = f.Close() // nothing was written
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("write the configuration to %s: %w", path, reason(err))
	}
	return nil
}

// reason is an error without what was called for what and where, which the caller says in its own words: no name of a file that
// was there for a moment, no name of a system call.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	var network *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &network):
		return network.Err
	}
	return err
}

// writePrivate replaces a file by one that only its owner can read, also when it was open to others before.
func writePrivate(path, content string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // made with 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
	}
	return err
}

// quote writes a TOML basic string.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// short writes a duration without the parts that are zero at its end: 10m, not 10m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
