package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/kit"
)

var (
	postLock   = regexp.MustCompile(`^POST .*/sftp/locks$`)
	deleteLock = regexp.MustCompile(`^DELETE .*/sftp/locks/`)
)

// lockActs are those about the locks of an LXCA.
func lockActs() []act {
	one := sim.Config{Appliances: []sim.Spec{{Name: "dc1", Kind: sim.KindLXCA}}}
	return []act{
		{name: "acquire", request: postLock, verb: "acquire", sims: one, begin: takeUpdates, asks: "Acquire a lock",
			check: func(k *killed) { k.one(k.at.took()); k.searched() }},
		{name: "extend", request: postLock, verb: "extend", sims: one, prepare: haveUpdates, begin: extendUpdates, asks: "Extend UP",
			check: func(k *killed) { k.overlapped(k.at.took()) }},
		{name: "keep", request: postLock, verb: "extend", sims: one, prepare: keepUpdates, byItself: true,
			begin: func(k *killed) { k.pass(11 * time.Minute) }, check: keptFurther},
		{name: "release", request: deleteLock, verb: "release", sims: one, prepare: haveUpdates, begin: releaseUpdates, asks: "Release UP",
			check: func(k *killed) { k.one(k.at == beforeIntent) }},
		{name: "release of what was extended", request: deleteLock, verb: "release", sims: one, byItself: true,
			prepare: func(k *killed) { k.resume = extendUnseen(k) }, begin: func(k *killed) { k.resume() },
			check: func(k *killed) { k.overlapped(true) }},
	}
}

func takeUpdates(k *killed) { k.take("UP Updates") }

// take asks for a lock on dc1, by the beginning of its name.
func (k *killed) take(scope string) {
	k.c.press("1")
	k.c.press("g")
	k.c.press("a")
	k.c.until("Acquire a lock on dc1")
	k.c.press(scope)
	k.c.until("narrowed to")
	k.c.press("\r")
}

// haveUpdates has there be a lock of ours.
func haveUpdates(k *killed) {
	takeUpdates(k)
	k.c.until("you took UP Updates", "1 yours")
	k.site.until("the record of the lock", func() bool { return len(k.open()) == 0 && len(k.holdings("dc1")) == 1 })
	k.old = k.holdings("dc1")[0]
}

// onOurs opens a dialog about our lock, which is the first in the list.
func (k *killed) onOurs(key, title string) {
	k.c.press("2")
	k.c.press("g")
	k.c.press(key)
	k.c.until(title)
}

func extendUpdates(k *killed) {
	k.onOurs("e", "Extend UP Updates")
	k.c.press("\x15" + "30m\r")
}

func releaseUpdates(k *killed) {
	k.onOurs("r", "Release UP Updates")
	k.c.press("y")
}

func keepUpdates(k *killed) {
	haveUpdates(k)
	k.keepTaken()
}

// keepTaken has the lock under the cursor kept, which is the one that was taken last.
func (k *killed) keepTaken() {
	k.c.press("2")
	k.c.press("K")
	k.c.until("Keep ")
	k.c.press("\r")
	k.c.until("began to keep")
}

// extendUnseen extends the lock, and keeps the program from seeing both in one list until resume is called.
func extendUnseen(k *killed) (resume func()) {
	haveUpdates(k)
	seen, extended := make(chan struct{}), make(chan struct{})
	k.front.arm(func(_ http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.Method == http.MethodPost:
			close(extended)
		case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/sftp/locks"):
			select {
			case <-extended:
				select {
				case <-seen:
				case <-r.Context().Done():
				}
			default:
			}
		}
		return false
	}, nil)
	extendUpdates(k)
	k.c.until("you extended UP")
	k.site.until("the record of both locks", func() bool { return len(k.open()) == 0 && len(k.holdings("dc1")) == 2 })
	return func() { close(seen) }
}

// holdings are the locks there that the journal has for ours.
func (s *site) holdings(appliance string) []string {
	return s.ask(`SELECT lock FROM holdings WHERE appliance = ? AND state <> 'lost' ORDER BY lock`, appliance)
}

// alive are the locks of ours on dc1, as they really are.
func (s *site) alive() (ids []string) {
	for _, l := range s.sims.Appliance("dc1").LXCA.Locks() {
		if l.By == "admin" {
			ids = append(ids, l.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// listed is what `locks list --json` says of an appliance.
func (s *site) listed(appliance string) map[string]listedJSON {
	s.t.Helper()
	all := map[string]listedJSON{}
	for line := range strings.Lines(s.say("locks", "list", appliance, "--json").out) {
		var l listedJSON
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Errorf("%q: %v", line, err)
		}
		all[l.ID] = l
	}
	return all
}

// yours are the ids of those of them that are said to be.
func yours(all map[string]listedJSON) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if all[id].Holder == "you" {
			ids = append(ids, id)
		}
	}
	return ids
}

// one wants one lock of ours on dc1, or none, and truth, journal, list and screen to agree about it.
func (k *killed) one(there bool) {
	k.t.Helper()
	want := 0
	if there {
		want = 1
	}
	k.site.until(fmt.Sprintf("%d locks in truth and journal", want), func() bool {
		return len(k.alive()) == want && slices.Equal(k.alive(), k.holdings("dc1"))
	})
	k.c.until(fmt.Sprintf("%d yours", want))
	if all := k.listed("dc1"); !slices.Equal(yours(all), k.alive()) || len(all) != want+1 {
		k.t.Errorf("listed: %+v", all)
	}
}

// overlapped wants one lock of ours after an extension: the new one if it was made, for which the old one was given back, once.
func (k *killed) overlapped(made bool) {
	k.t.Helper()
	want := 0
	if made {
		want = 1
	}
	ours := func(e kit.Effect) bool { return e.By == "admin" }
	if made {
		k.site.until("a new lock alone", func() bool { return len(k.alive()) == 1 && k.alive()[0] != k.old })
	}
	k.one(true)
	if granted, given := k.happened("lock.granted", ours), k.happened("lock.released", ours); granted != want+1 || given != want {
		k.t.Errorf("%d were granted and %d given back", granted, given)
	}
	if now := k.alive()[0]; (now == k.old) == made {
		k.t.Errorf("the lock is %s, before it was %s", now, k.old)
	}
	k.searched()
}

// keptFurther wants the lock kept further: what the killed run did not extend the next one does, but not while the request of
// which nothing was heard may still take effect (faults.md LCK-02).
func keptFurther(k *killed) {
	if !k.at.took() && k.at.open() {
		k.tells("what came of it is looked for")
		k.overlapped(false)
		k.pass(65 * time.Second)
	}
	k.overlapped(true)
	if now := k.alive()[0]; !k.listed("dc1")[now].Kept {
		k.t.Error("it is not kept any more")
	}
}

// searched wants the request of which nothing came looked for as long as something may, and then told to be unknown.
func (k *killed) searched() {
	k.t.Helper()
	if k.at != nothingSent && k.at != noEffect || k.act.byItself {
		return
	}
	if open := k.open(); !slices.Contains(open, k.act.verb) {
		k.t.Errorf("it is not looked for: %q", open)
	}
	k.pass(45 * time.Minute)
	k.site.until("its outcome", func() bool { return len(k.open()) == 0 })
	if got := k.ask(`SELECT outcome FROM intents WHERE verb = ? ORDER BY id DESC LIMIT 1`, k.act.verb); !slices.Equal(got, []string{"unknown"}) {
		k.t.Errorf("its outcome is %q", got)
	}
}
