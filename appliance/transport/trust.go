package transport

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"holdfast/appliance"
)

// Trust says whose certificate is believed: a pin's, else one that the CAs vouch for. Zero: one that the system's CAs vouch
// for. There is no way to believe any (faults.md TLS-07).
type Trust struct {
	Pin    string // sha256//BASE64 of the public key, as curl's --pinnedpubkey takes it; wins over all else
	Known  *Known // asked for a pin at each handshake, so that one which is confirmed meanwhile counts; nil: none
	CAFile string // PEM file of the only CAs that count; used while there is no pin
}

const pinPrefix = "sha256//"

// PinOf is the pin of a certificate's public key.
func PinOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return pinPrefix + base64.StdEncoding.EncodeToString(sum[:])
}

// CheckPin says what is wrong with the form of a pin.
func CheckPin(pin string) error {
	b, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(pin, pinPrefix))
	if !strings.HasPrefix(pin, pinPrefix) || err != nil || len(b) != sha256.Size {
		return fmt.Errorf("pin %q is not %s and 44 characters of base64", appliance.Label(pin), pinPrefix)
	}
	return nil
}

// UntrustedError tells of a certificate that is not believed. Nothing was sent to who showed it.
type UntrustedError struct {
	Got    string         // pin of the key that was shown
	Want   string         // the pin that is trusted; empty without one
	Peer   appliance.Peer // what the certificate says
	Reason string         // and why it is not believed
	advice string
}

// Error says why, and what to do.
func (e *UntrustedError) Error() string {
	s := appliance.ErrUntrusted.Error() + ": " + e.Reason + "; nothing was sent"
	if e.advice != "" {
		s += "; " + e.advice
	}
	return s
}

// Unwrap makes it appliance.ErrUntrusted.
func (e *UntrustedError) Unwrap() error { return appliance.ErrUntrusted }

// tlsConfig makes the settings for the trust of c. Whom to believe may change while it is in use, so crypto/tls leaves the
// check to believe, which does the same work where there is no pin. No session is ever resumed (there is no session
// cache), so that each connection shows the key that the appliance has now; the check would run on a resumed one too
// (faults.md TLS-05). Who only inspects believes every key, and sends nothing.
func (c *Client) tlsConfig(minimum uint16, inspect bool) (*tls.Config, error) {
	if c.trust.Pin != "" {
		if err := CheckPin(c.trust.Pin); err != nil {
			return nil, err
		}
	}
	if c.trust.CAFile != "" && c.trust.Pin == "" {
		roots, err := readCAs(c.trust.CAFile)
		if err != nil {
			return nil, err
		}
		c.roots = roots
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         serverName(c.base),
		InsecureSkipVerify: true, // VerifyConnection verifies
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the appliance showed no certificate")
			}
			peer := peerOf(state.PeerCertificates[0])
			peer.Protocol = tls.VersionName(state.Version)
			peer.Old = state.Version < tls.VersionTLS12
			if !inspect {
				if err := c.believe(state.PeerCertificates, peer); err != nil {
					return err
				}
			}
			c.remember(peer, sha256.Sum256(state.PeerCertificates[0].Raw))
			return nil
		},
	}
	if minimum != 0 {
		config.MinVersion = minimum
	}
	return config, nil
}

// caLimit is the largest CA file that is read, in bytes.
const caLimit = 4 << 20

func readCAs(path string) (*x509.CertPool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	pem, err := io.ReadAll(io.LimitReader(f, caLimit))
	if err != nil {
		return nil, fmt.Errorf("CA file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA file %q holds no certificate in PEM form", path)
	}
	return roots, nil
}

// pin is the pin that counts now, empty when it is for the CAs to vouch. What cannot be read is no pin and no leave to go
// without one.
func (c *Client) pin() (string, error) {
	if c.trust.Pin != "" || c.trust.Known == nil {
		return c.trust.Pin, nil
	}
	return c.trust.Known.Confirmed(c.key)
}

// believe says why the certificates are not to be believed, as an *UntrustedError. It runs on every handshake, a resumed
// one included. A pinned certificate may have expired or be for another name; any other has to stand up to what
// crypto/tls asks of one by itself: a chain to a CA for servers, the dates and the name.
func (c *Client) believe(certs []*x509.Certificate, peer appliance.Peer) error {
	pin, err := c.pin()
	switch {
	case err != nil:
		return &UntrustedError{Got: peer.Pin, Peer: peer, Reason: "the trusted keys cannot be read: " + err.Error()}
	case pin == "":
		return c.vouched(certs, peer)
	case subtle.ConstantTimeCompare([]byte(pin), []byte(peer.Pin)) != 1:
		advice := "trust it anew with `holdfast trust " + c.name + "`"
		if c.trust.Pin != "" { // which that does not change
			advice = "change the pin of " + c.name + " in the configuration"
		}
		return &UntrustedError{
			Got: peer.Pin, Want: pin, Peer: peer,
			Reason: "the key has changed: shown is " + peer.Pin + ", trusted is " + pin,
			advice: "if the appliance was given a new key, " + advice,
		}
	}
	return nil
}

// vouched says why no CA that counts vouches for the certificates.
func (c *Client) vouched(certs []*x509.Certificate, peer appliance.Peer) error {
	o := x509.VerifyOptions{
		Roots: c.roots, CurrentTime: c.clock.Now().Wall, DNSName: serverName(c.base), Intermediates: x509.NewCertPool(),
	}
	for _, cert := range certs[1:] {
		o.Intermediates.AddCert(cert)
	}
	if _, err := certs[0].Verify(o); err != nil {
		u := &UntrustedError{Got: peer.Pin, Peer: peer}
		u.Reason, u.advice = c.reason(err, peer)
		return u
	}
	return nil
}

// remember keeps what the handshake told, and notices a new certificate on the same key (faults.md TLS-03).
func (c *Client) remember(peer appliance.Peer, cert [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.firstPin != peer.Pin {
		c.firstPin, c.firstCert = peer.Pin, cert
	}
	peer.Renewed = c.firstCert != cert
	if peer.Renewed && !c.peer.Renewed {
		c.log.Info("certificate renewed, same key", "appliance", c.name, "ends", peer.NotAfter)
	}
	c.peer = peer
}

// maxNames is how many names of a certificate are kept.
const maxNames = 20

// peerOf is what a certificate says.
func peerOf(cert *x509.Certificate) appliance.Peer {
	p := appliance.Peer{
		Pin: PinOf(cert), Subject: appliance.Label(cert.Subject.String()),
		NotBefore: cert.NotBefore, NotAfter: cert.NotAfter,
	}
	for _, name := range cert.DNSNames {
		p.Names = append(p.Names, appliance.Label(name))
	}
	for _, ip := range cert.IPAddresses {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			p.Names = append(p.Names, appliance.Label(addr.String()))
		}
	}
	p.Names = p.Names[:min(len(p.Names), maxNames)]
	return p
}

// reason says why a chain was not believed, and what to do about it.
func (c *Client) reason(err error, peer appliance.Peer) (reason, advice string) {
	const day = "2006-01-02 15:04 MST"
	now := c.clock.Now().Wall
	clocks := fmt.Sprintf("our clock says %s: if that is wrong, set it", now.UTC().Format(day))
	invalid, isInvalid := errors.AsType[x509.CertificateInvalidError](err)
	if isInvalid && invalid.Reason == x509.Expired {
		cert := invalid.Cert
		if cert != nil && now.Before(cert.NotBefore) {
			return "the certificate is not valid before " + cert.NotBefore.UTC().Format(day), clocks
		}
		if cert != nil {
			return "the certificate expired on " + cert.NotAfter.UTC().Format(day), clocks
		}
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate is not for %q but for %s", serverName(c.base), nameList(peer)),
			"use the name that it is for in the url"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok && c.trust.CAFile != "" {
		return "no CA of the CA file vouches for the certificate, whose key is " + peer.Pin, ""
	}
	compare := "compare it with the appliance's own and trust it with `holdfast trust " + c.name + "`"
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "no CA that this system knows vouches for the certificate, whose key is " + peer.Pin, compare
	}
	return fmt.Sprintf("%s (key %s)", appliance.Label(err.Error()), peer.Pin), ""
}

func nameList(p appliance.Peer) string {
	if len(p.Names) == 0 {
		return "no name at all"
	}
	var names []string
	for _, n := range p.Names {
		names = append(names, n.String())
	}
	return strings.Join(names, ", ")
}
