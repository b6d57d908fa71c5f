// Package fault makes things go wrong on purpose: a script of rules that simulated appliances obey. A rule says which
// fault, on which requests or appliances, when, and how often; it is a Go value, and has a text form for a command line:
//
//	drop-after POST sftp/locks #2            the second lock is made, but its answer is lost
//	delay-effect=20s PUT managementServer/data p=0.1
//	status=503 GET p=0.1 retry-after=5s
//	cut=40 GET /tasks every=3
//	revoke-token POST configuration/lock effect=yes    the token ends right after it took the lock
//	restart=20s after=60s on=dc1-lxca how=503 locks=kept
//	steal-lock period=30s on=ecb-*
//	random p=0.05 seed=7
//
// Help tells the whole form. A Script holds the rules that are in force; rules come and go while it runs, and every
// fault that happened is counted and reported. A script without rules costs a request one atomic load.
//
// Whether a request has its effect is exact: the appliance's own handler runs, or does not run, or runs later, with the
// very request that was sent. What waits to come later is due by the base clock and happens before the next request to
// any appliance, or with Settle; an appliance that is away when it falls due, or restarts before, does not do it.
package fault

import (
	"net/http"
	"time"
)

// Host is an appliance as a script acts upon it.
type Host interface {
	Name() string
	// Now is the time that the appliance prints.
	Now() time.Time
	// Down lets every connection fail in that way until base time t. Unavailable is for the script alone: connections
	// go on working. It is called again with the same end when the end has passed.
	Down(how string, t time.Time)
	Restart(keepLocks bool)
	StepClock(d time.Duration)
	SwapCertificate()
	// RevokeToken ends the token that a request brings along, or all without a request; it reports whether there was one.
	RevokeToken(r *http.Request, keepLocks bool) bool
	// StealLock reports whether there was a lock to steal; pick chooses one of n.
	StealLock(by string, pick func(n int) int) bool
}

// Event is a fault that happened.
type Event struct {
	At        time.Time // base time
	Appliance string
	Kind      Kind          // never Mix, but what it came to
	Rule      string        // its text, also with what it came to
	Request   *http.Request // that it happened upon; nil for one that came by itself
}
