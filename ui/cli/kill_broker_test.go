package cli

import (
	"regexp"
	"strings"
	"time"

	"holdfast/appliance/sim"
)

var (
	postConfig = regexp.MustCompile(`^POST .*/configuration/lock$`)
	postUnlock = regexp.MustCompile(`^POST .*/configuration/unlock$`)
	postRenew  = regexp.MustCompile(`^POST .*/auth/token renewal$`)
)

// What the next run says of the configuration lock.
const (
	stillYours  = "the configuration lock of an earlier run is still yours"
	givenBack   = "the configuration lock, about which an earlier run asked last, is not yours"
	givenBack2  = "the configuration lock, whose release an earlier run asked for, is not yours any more"
	noLonger    = "the configuration lock that an earlier run held is not yours any more" // said when the one before was killed as well
	tokenLost   = "an earlier run of yours may hold the configuration lock, and its token is not kept: free by"
	tokenUnseen = "the configuration lock of an earlier run may be held by a token of yours that nobody saw, as the answer to its renewal was lost: free by"
)

// brokerActs are those about the lock of an ECB, which hangs on a token.
func brokerActs() []act {
	one := sim.Config{Appliances: []sim.Spec{{Name: "edge", Kind: sim.KindECB}}, TokenTTL: 10 * time.Minute, Speed: 1e6}
	return []act{
		{name: "lock", request: postConfig, verb: "acquire", sims: one, begin: takeConfiguration, asks: "Acquire a lock on edge",
			check: func(k *killed) {
				k.configuration(map[point][]string{beforeIntent: nil, nothingSent: {tokenLost}, noEffect: {givenBack}, noAnswer: {givenBack},
					notRecorded: {stillYours, givenBack}, recorded: {stillYours}})
			}},
		{name: "renew", request: postRenew, verb: "extend", sims: one, prepare: haveConfiguration, begin: func(k *killed) {
			k.onOurs("e", "Extend configuration")
			k.c.press("y")
		}, asks: "Extend configuration", check: renewed},
		{name: "renew by itself", request: postRenew, verb: "extend", sims: one, prepare: func(k *killed) {
			haveConfiguration(k)
			k.onOurs("K", "Keep configuration")
			k.c.press("\r")
			k.c.until("began to keep")
		}, byItself: true, begin: func(k *killed) { k.pass(6 * time.Minute) }, check: renewed},
		{name: "unlock", request: postUnlock, verb: "release", sims: one, prepare: haveConfiguration, begin: func(k *killed) {
			k.onOurs("r", "Release configuration")
			k.c.press("y")
		}, asks: "Release configuration", check: func(k *killed) {
			free := []string{givenBack2, noLonger}
			k.configuration(map[point][]string{beforeIntent: {stillYours}, nothingSent: free, noEffect: free, noAnswer: free,
				notRecorded: {givenBack2, noLonger, tokenLost}, recorded: nil})
		}},
	}
}

func takeConfiguration(k *killed) {
	k.c.press("1")
	k.c.press("g")
	k.c.press("a")
	k.c.until("Acquire a lock on edge")
	k.c.press("y")
}

// haveConfiguration has the lock be ours.
func haveConfiguration(k *killed) {
	takeConfiguration(k)
	k.c.until("you took configuration", "1 yours")
	k.site.until("the record of the lock", func() bool { return len(k.open()) == 0 && len(k.holdings("edge")) == 1 })
}

// renewed is what the next run says after a renewal: only when the answer to one that had its effect was lost, the lock is with
// a token that nobody knows.
func renewed(k *killed) {
	yes := []string{stillYours}
	k.configuration(map[point][]string{beforeIntent: yes, nothingSent: yes, noEffect: yes, noAnswer: {tokenUnseen},
		notRecorded: {stillYours, tokenUnseen}, recorded: yes})
}

// configuration wants one of those things said of the lock, and the appliance, the screen and the list to agree.
func (k *killed) configuration(said map[point][]string) {
	k.t.Helper()
	words := said[k.at]
	heard := ""
	k.site.until("a word about the lock", func() bool {
		told := k.told()
		for _, w := range words {
			if strings.Contains(told, w) {
				heard = w
			}
		}
		return heard != "" || len(words) == 0
	})
	ours := heard == stillYours
	shown := "0 yours"
	if ours {
		shown = "1 yours"
	}
	k.c.until(shown)
	owner := k.sims.Appliance("edge").ECB.LockOwner()
	if unseen := heard == tokenUnseen; (owner == "admin") != (ours || unseen) {
		k.t.Errorf("the lock is held by %q; said: %s", owner, heard)
	}
	k.site.until("the same in the list: "+shown, func() bool { return len(yours(k.listed("edge"))) == 1 == ours })
}
