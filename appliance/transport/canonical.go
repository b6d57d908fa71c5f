package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const defaultPort = "443"

// Canonical brings an appliance's URL into its one form: https, host in lower case, port only if it is not 443, no
// trailing slash. The key is host:port, port always explicit, IPv6 in brackets; by it pins and records are kept
// (faults.md NET-13). Everything that does not belong there is refused; an error never repeats the URL, which may hold a
// password.
func Canonical(raw string) (u *url.URL, key string, err error) {
	parsed, err := url.Parse(escapeZone(raw))
	switch {
	case err != nil:
		return nil, "", errors.New("url: it is malformed; write https://host or https://host:port")
	case parsed.Scheme == "" || parsed.Opaque != "" || parsed.Scheme != "https":
		return nil, "", errors.New("url: it must begin with https://")
	case parsed.User != nil:
		return nil, "", errors.New("url: it must not hold a user or password; they have settings of their own")
	case parsed.RawQuery != "" || parsed.ForceQuery:
		return nil, "", errors.New("url: it must not have a query")
	case parsed.Fragment != "" || strings.Contains(raw, "#"):
		return nil, "", errors.New("url: it must not have a fragment")
	case parsed.EscapedPath() != "" && parsed.EscapedPath() != "/":
		return nil, "", errors.New("url: it must not have a path; write https://host or https://host:port")
	}
	host, err := canonicalHost(parsed)
	if err != nil {
		return nil, "", fmt.Errorf("url: %w", err)
	}
	port, err := canonicalPort(parsed)
	if err != nil {
		return nil, "", fmt.Errorf("url: %w", err)
	}
	key = net.JoinHostPort(host, port)
	shown := key
	if port == defaultPort {
		shown = strings.TrimSuffix(key, ":"+defaultPort)
	}
	return &url.URL{Scheme: "https", Host: shown}, key, nil
}

// addressKey is the key of an absolute https URL, empty when it has none.
func addressKey(u *url.URL) string {
	host, err := canonicalHost(u)
	if err != nil {
		return ""
	}
	port, err := canonicalPort(u)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// escapeZone writes the percent sign before a zone as URLs want it: people write [fe80::1%eth0].
func escapeZone(raw string) string {
	open, end := strings.Index(raw, "["), strings.Index(raw, "]")
	if open < 0 || end < open {
		return raw
	}
	host := raw[open:end]
	if i := strings.Index(host, "%"); i >= 0 && !strings.HasPrefix(host[i:], "%25") {
		host = host[:i] + "%25" + host[i+1:]
	}
	return raw[:open] + host + raw[end:]
}

func canonicalHost(u *url.URL) (string, error) {
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		addr, err := netip.ParseAddr(host)
		if err != nil || !addr.Is6() || !plainZone(addr.Zone()) {
			return "", errors.New("what is in brackets is not an IPv6 address")
		}
		if addr.Zone() == "" {
			addr = addr.Unmap()
		}
		return addr.String(), nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is4() {
		return addr.String(), nil
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host, checkName(host)
}

// checkName says why a name in lower case cannot be a host's.
func checkName(host string) error {
	if host == "" {
		return errors.New("it has no host")
	}
	if len(host) > 253 {
		return errors.New("its host name is longer than 253 characters")
	}
	last := ""
	for last = range strings.SplitSeq(host, ".") {
		bad := strings.IndexFunc(last, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
		if last == "" || len(last) > 63 || bad >= 0 {
			return errors.New("its host name is malformed; one in another script is written in its xn-- form")
		}
	}
	if strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		return errors.New("its host looks like an IPv4 address and is none")
	}
	return nil
}

func canonicalPort(u *url.URL) (string, error) {
	port := u.Port()
	if port == "" {
		return defaultPort, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("its port is not between 1 and 65535")
	}
	return strconv.FormatUint(n, 10), nil
}

// plainZone reports whether a zone is empty or a usual interface name.
func plainZone(zone string) bool {
	for _, r := range zone {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", r) {
			return false
		}
	}
	return true
}

// serverName is the name that a certificate must be for: the host without a zone.
func serverName(u *url.URL) string {
	name, _, _ := strings.Cut(u.Hostname(), "%")
	return name
}
