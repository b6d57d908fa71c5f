package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/policy"
	"holdfast/appliance/transport"
)

var (
	namePattern    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	labelPattern   = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`) // of a host name
	envPattern     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	versionPattern = regexp.MustCompile(`^v[0-9]{1,3}\.[0-9]{1,3}$`)
	digitsPattern  = regexp.MustCompile(`^[0-9.]+$`)
)

func parseRole(_ Options, s string) (policy.Role, error) {
	words := []string{policy.Viewer.String(), policy.Operator.String(), policy.Admin.String()}
	r, err := policy.ParseRole(s)
	if err != nil {
		return r, fmt.Errorf("is %s, but must be %s%s", quoted(s), oneOf(words), didYouMean(s, words))
	}
	return r, nil
}

func parseLevel(_ Options, s string) (slog.Level, error) {
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	var words []string
	for _, l := range levels {
		words = append(words, showLevel(l))
	}
	i := slices.Index(words, s)
	if i < 0 {
		return 0, fmt.Errorf("is %s, but must be %s%s", quoted(s), oneOf(words), didYouMean(s, words))
	}
	return levels[i], nil
}

func showLevel(l slog.Level) string { return strings.ToLower(l.String()) }

func parseKind(_ Options, s string) (appliance.Kind, error) {
	kinds := []string{string(appliance.LXCA), string(appliance.ECB)}
	if s != "" && !slices.Contains(kinds, s) {
		return "", fmt.Errorf("is %s, but must be %s%s", quoted(s), oneOf(kinds), didYouMean(s, kinds))
	}
	return appliance.Kind(s), nil
}

var protocols = []string{"1.0", "1.1", "1.2", "1.3"} // tls.VersionTLS10 and following

func parseTLS(_ Options, s string) (uint16, error) {
	i := slices.Index(protocols, s)
	if i < 0 {
		return 0, fmt.Errorf("is %s, but must be %s", quoted(s), oneOf(protocols))
	}
	return tls.VersionTLS10 + uint16(i), nil
}

func showTLS(v uint16) string { return protocols[v-tls.VersionTLS10] }

func checkName(_ Options, s string) (string, error) {
	if !namePattern.MatchString(s) {
		return "", fmt.Errorf("is %s, but must be 1 to 63 letters, digits, dots, hyphens and underscores, "+
			"the first a letter or a digit", quoted(s))
	}
	return s, nil
}

// checkURL returns the one form of an appliance's address. Its error does not repeat the URL, which may hold a password.
func checkURL(_ Options, s string) (string, error) {
	u, _, err := transport.Canonical(s)
	if err != nil {
		return "", errors.New("is wrong: " + strings.TrimPrefix(err.Error(), "url: "))
	}
	return u.String(), nil
}

// checkAddress accepts an IP address or a host name and returns it as it goes into a request.
func checkAddress(_ Options, s string) (string, error) {
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return ip.String(), nil
	}
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	bad := slices.ContainsFunc(labels, func(l string) bool { return !labelPattern.MatchString(l) })
	if bad || len(s) > 253 || digitsPattern.MatchString(s) {
		return "", fmt.Errorf("is %s, but must be an IP address or a host name, without https:// and without a port",
			quoted(s))
	}
	return strings.ToLower(s), nil
}

func checkUser(_ Options, s string) (string, error) {
	const longest = 128
	if strings.Contains(s, ":") {
		return "", errors.New("must not hold a colon, which ends the user name in a login")
	}
	if len(s) > longest || appliance.Clean(s, longest).String() != s {
		return "", fmt.Errorf("must be at most %d printable letters", longest)
	}
	return s, nil
}

// checkPin accepts the form that curl's --pinnedpubkey takes (faults.md TLS-01).
func checkPin(_ Options, s string) (string, error) {
	if transport.CheckPin(s) != nil || strings.ContainsAny(s, "\r\n") { // which base64 skips
		return "", fmt.Errorf("is %s, but must be sha256// and 44 letters, as `holdfast trust NAME` shows it", quoted(s))
	}
	return s, nil
}

// checkPath makes s absolute: ~/ is the home folder, a relative path begins at the folder of the file.
func checkPath(o Options, s string) (string, error) {
	switch {
	case strings.ContainsRune(s, 0):
		return "", errors.New("must not hold a zero byte")
	case s == "~" || strings.HasPrefix(s, "~/"):
		if o.Home == "" {
			return "", errors.New("begins with ~, and no home folder is known: write the whole path")
		}
		return filepath.Join(o.Home, s[1:]), nil
	case s[0] == '~':
		return "", errors.New("begins with the home folder of another user: write the whole path")
	case filepath.IsAbs(s):
		return filepath.Clean(s), nil
	default:
		return filepath.Join(o.Dir, s), nil
	}
}

// checkEnv does not repeat what was written: it may be the password itself, in the wrong place.
func checkEnv(_ Options, s string) (string, error) {
	if !envPattern.MatchString(s) {
		return "", errors.New("must be the name of an environment variable: letters, digits and underscores")
	}
	return s, nil
}

// parseArgument accepts a word of a command. The program may begin with ~/; no shell reads the words.
func parseArgument(o Options, i int, s string) (string, error) {
	if strings.ContainsRune(s, 0) || i == 0 && s == "" {
		return "", errors.New("must begin with the name of a program, and hold no zero byte")
	}
	if i == 0 && s[0] == '~' {
		return checkPath(o, s)
	}
	return s, nil
}

func parseMountPoint(_ Options, _ int, s string) (appliance.Location, error) {
	l, ok := appliance.ParseLocation(s)
	if !ok || l == appliance.Internal {
		return "", fmt.Errorf("holds %s, but a mount point is an absolute path such as /mnt/my_remote_share", quoted(s))
	}
	return l, nil
}

func checkVersion(_ Options, s string) (string, error) {
	if !versionPattern.MatchString(s) {
		return "", fmt.Errorf("is %s, but must be a version such as v1.1", quoted(s))
	}
	return s, nil
}

var errKeyring = errors.New("must be true, or the service name of the entry in quotes")

func checkService(_ Options, s string) (string, error) {
	const longest = 128
	if len(s) > longest || appliance.Clean(s, longest).String() != s {
		return "", errKeyring
	}
	return s, nil
}
