package appliance

import (
	"regexp"
	"time"
)

// LockID is an appliance's name for a lock. On an LXCA 32 letters and digits (api/lxca.md 2.1); on an ECB, which has one
// lock without a name, always ConfigurationLock.
type LockID string

// ConfigurationLock is the id and the scope of the only lock of an ECB.
const ConfigurationLock = "configuration"

var lockIDPattern = regexp.MustCompile(`^[0-9A-Za-z]{32}$`)

// ParseLockID accepts 32 letters and digits and nothing else; an id goes into a URL path (faults.md DAT-09).
func ParseLockID(s string) (LockID, bool) { return LockID(s), lockIDPattern.MatchString(s) }

// Scope is what a lock is about.
type Scope struct {
	Code string // as the appliance wants it: UP, configuration
	Name Text   // for people: Updates; may be empty
}

// String is code and name, as shown.
func (s Scope) String() string {
	if s.Name.Empty() {
		return s.Code
	}
	return s.Code + " " + s.Name.String()
}

// Holder says whose a lock is.
type Holder string

// Holders. The appliances name nobody: a lock is ours because we remember its id or own its token.
const (
	HolderYou     Holder = "you"
	HolderAnother Holder = "another"
	HolderUnknown Holder = "unknown"
	HolderNobody  Holder = "nobody" // an exclusive lock that was seen free
)

// Lock is one lock as the appliance lists it, or, on an ECB, as its own answers showed it.
type Lock struct {
	ID      LockID
	Scope   Scope
	Holder  Holder        // set by a client only when the protocol tells it (ECB); otherwise by the fleet
	Created time.Time     // on the appliance's clock; zero = unknown
	CreText Text          // the creation time as it was written
	TTL     time.Duration // time granted at creation; 0 = unknown
	Seen    Stamp         // ECB: when Holder was last seen to be so; zero = by this very listing
	// Exclusive tells that nobody else can hold the scope meanwhile. An SFTP lock is a counted lease and is not.
	Exclusive bool
	Raw       Raw
}

// LockList is one listing. Unreadable counts records without a usable id (faults.md DAT-05).
type LockList struct {
	Locks      []Lock
	Unreadable int
	Stamp      Stamp
}

// Claim asks for a lock.
type Claim struct {
	Scope string        // a code of LockRules.Scopes
	TTL   time.Duration // whole seconds; ignored where the appliance decides
}

// LockRules says what may be claimed. Scopes are in the order in which to offer them.
type LockRules struct {
	Scopes     []Scope
	ChooseTTL  bool          // false: the appliance or its settings decide, DefaultTTL says how long
	MinTTL     time.Duration // with ChooseTTL; ours, as the vendor names no bounds (api/lxca.md 2.3)
	MaxTTL     time.Duration
	DefaultTTL time.Duration
}
