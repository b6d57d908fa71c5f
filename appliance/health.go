package appliance

import "time"

// Health is what a probe found. Texts are empty and times zero where the appliance did not tell.
type Health struct {
	Product   Text
	Version   Text
	Host      Text
	Role      Text // ECB: active, standby, standalone, …
	Uptime    time.Duration
	User      Text // who we are there
	MayChange bool // the account may change things (Supervisor, administrator); false also while unknown, see Doubt
	Doubt     bool // the appliance would not say whether we may
	// Service says "SFTP on", "SFTP off" where there is such a service.
	Service Text
	// NoLocks is why locks cannot be taken there at all; empty = they can.
	NoLocks string
	// PasswordDays is how many days the password still lasts; negative = unknown or for ever.
	PasswordDays int
	// Peer is what the TLS connection showed.
	Peer   Peer
	Told   []Message
	Fields []Field
	// Raw is the answers that it was read from, as far as they are about the appliance and our account.
	Raw   Raw
	Stamp Stamp
}

// Peer is what a TLS handshake told of an appliance.
type Peer struct {
	Pin       string // sha256//BASE64 of its public key
	Subject   Text
	Names     []Text
	NotBefore time.Time
	NotAfter  time.Time
	Protocol  string // "TLS 1.3"
	Old       bool   // below TLS 1.2, allowed by a setting
	// Renewed tells that the certificate changed since the connection was first made while its key stayed the same.
	Renewed bool
}
