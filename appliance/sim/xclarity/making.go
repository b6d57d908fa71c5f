package xclarity

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// DefaultPassphrase encrypts every package that a test does not give another one.
const DefaultPassphrase = "Passw0rd-backup"

// makingTime is how long the making of a backup takes at speed 1, silentTime how long the appliance answers nothing at its
// beginning and at its end (api/lxca.md 3.1).
const (
	makingTime = 60 * time.Second
	silentTime = 10 * time.Second
)

// What the optional contents of a package weigh.
const (
	firmwareBytes = 3_000_000_000
	imageBytes    = 5_000_000_000
)

// postData makes a backup, or prepares or starts a restore (api/lxca.md 3.3).
func (a *Appliance) postData(c *call) answer {
	m, err := members(c.r)
	if err != nil {
		return a.dataFail(invalid(err.Error()))
	}
	operation, _ := text(m, "operation")
	action, _ := text(m, "action")
	var j *job
	var bad *problem
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case operation == opBackup && action == "start":
		j, bad = a.makeBackup(m, c.asker())
	case operation == opRestore && action == opPrepare:
		j, bad = a.prepare(m, c.asker())
	case operation == opRestore && action == "start":
		j, bad = a.restore(m, c.asker())
	default:
		bad = invalid("The operation or the action is missing, not valid or not supported.")
	}
	if bad != nil {
		return a.dataFail(bad)
	}
	return a.dataOK(j.id)
}

// invalid is the refusal of a request that says too little or makes no sense.
func invalid(words string) *problem {
	return &problem{status: http.StatusBadRequest, id: "FQXHMDM9020J", text: words, recovery: "Correct the request."}
}

// makeBackup starts the making of a backup. It is called with mu held.
func (a *Appliance) makeBackup(m map[string]json.RawMessage, by kit.Asker) (*job, *problem) {
	label, _ := text(m, "label")
	passphrase, _ := text(m, "passphrase")
	to, named := text(m, "remoteShareDestination")
	if !named || to == "" {
		to = Internal
	}
	switch {
	case label == "" || passphrase == "":
		return nil, invalid("The label or the passphrase is missing or not valid.")
	case a.switches.Is(swPassphraseRule, "min-8") && len(passphrase) < 8:
		return nil, invalid("The passphrase is shorter than 8 characters.")
	case !a.hasLocation(to):
		return nil, a.refused("The destination is not a known location.", to)
	case len(a.running) > 0:
		return nil, &problem{status: a.status(swConflict), id: "FQXHMDM9021J", text: "Another job is running.",
			explanation: "Job " + a.running[0].id + ".", recovery: "Wait until it ends."}
	}
	pkg := a.plausible(Backup{
		Label: label, By: by.User, Passphrase: passphrase, Taken: a.clock.Now(), Locations: []string{to},
	})
	firmware, images := truth(m, "includeFW"), truth(m, "includeOS")
	if firmware {
		pkg.Size += firmwareBytes
	}
	if images {
		pkg.Size += imageBytes
	}
	why, bad := a.noWrite(to, pkg.Size)
	if bad != nil {
		return nil, bad
	}
	j := &job{
		op: opBackup, uuid: pkg.UUID, destination: to, user: by.User, by: by, making: &pkg, firmware: firmware, images: images,
		size: pkg.Size, steps: backupSteps, title: "Create backup " + label, args: []string{label, to}, why: why,
	}
	a.begin(j, makingTime, pkg.Checksum)
	a.spell.Store(&spell{began: j.began, ends: j.due, silent: time.Duration(float64(silentTime) / a.opt.Speed)})
	return j, nil
}

// noWrite tells why so many bytes cannot be written to a location: as the reason for which the job is going to fail, or at
// once, as the switches say. It is called with mu held.
func (a *Appliance) noWrite(to string, bytes int64) (why string, bad *problem) {
	p := problem{status: http.StatusBadRequest}
	name := swNoSpace
	switch {
	case a.unmounted[to]:
		name, p.id, p.text, p.recovery = swUnmounted, "FQXHMDM9022J", "The remote share "+to+" is not mounted.", "Mount the remote share."
	case !a.fits(to, bytes):
		p.id, p.text, p.recovery = "FQXHMDM9014J", "There is not enough space in "+to+".", "Delete or move backups."
	default:
		return "", nil
	}
	if a.switches.Is(name, "400") {
		return p.text, &p
	}
	return p.text, nil
}

// truth is a member that says true, as a truth value or as a word (api/lxca.md 6, quirk 3).
func truth(m map[string]json.RawMessage, key string) bool {
	return strings.Trim(string(m[key]), `"`) == "true"
}

// SetMounted says whether a remote share can be reached. What lies on one that cannot stays listed, and is neither read nor
// written nor deleted.
func (a *Appliance) SetMounted(share string, mounted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unmounted[share] = !mounted
}

// spell is the time in which the making of a backup keeps the appliance quiesced.
type spell struct {
	began, ends time.Time // base clock
	silent      time.Duration
}

// hush tells what keeps a request from being answered: the connection is closed while the appliance goes into or out of
// the state, and in between it says nothing but how far it is.
func (a *Appliance) hush() (closed, busy bool) {
	s := a.spell.Load()
	now := a.clock.Base()
	if s == nil || a.switches.Is(swQuiesce, "none") || !now.Before(s.ends) {
		return false, false
	}
	if now.Before(s.began.Add(s.silent)) || s.ends.Sub(now) <= s.silent {
		return true, false
	}
	return false, a.switches.Is(swQuiesce, "silent")
}
