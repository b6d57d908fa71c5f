package xclarity

import (
	"encoding/json"
	"net/http"
	"time"

	"holdfast/appliance/sim/kit"
)

// restartTime is how long the appliance closes every connection after a restore has begun, at speed 1.
const restartTime = 20 * time.Second

// local is the package in the appliance's own repository that a request names and that no job works on. It is called with
// mu held.
func (a *Appliance) local(m map[string]json.RawMessage) (*backup, *problem) {
	uuid, _ := text(m, "uuid")
	b := a.byUUID[uuid]
	switch {
	case b == nil || !b.has(Internal):
		return nil, a.refused("The backup is not in the local repository.", uuid)
	case b.uses > 0:
		return nil, a.inUse(b)
	}
	return b, nil
}

// prepare decrypts a package. It is called with mu held.
func (a *Appliance) prepare(m map[string]json.RawMessage, by kit.Asker) (*job, *problem) {
	b, bad := a.local(m)
	if bad != nil {
		return nil, bad
	}
	passphrase, _ := text(m, "passphrase")
	if passphrase == "" {
		return nil, invalid("The passphrase is missing or not valid.")
	}
	return a.decrypt(opPrepare, b, passphrase, by)
}

// decrypt starts the job that prepares a package. It is called with mu held.
func (a *Appliance) decrypt(op string, b *backup, passphrase string, by kit.Asker) (*job, *problem) {
	p := plan{b: b, from: Internal, took: transferTime}
	at, name, recovery := 1, "", ""
	switch {
	case passphrase != b.Passphrase:
		p.why, name, recovery = "The passphrase is not correct.", swWrongPassphrase, "Provide the passphrase of the backup."
	case b.Version != a.opt.Version && !a.switches.Is(swOtherVersion, "accepted"):
		p.why, name, at = "The backup was made by version "+b.Version+", this is "+a.opt.Version+".", swOtherVersion, 0
		recovery = "Use a management server of the same version."
	}
	if p.why != "" && a.switches.Is(name, "400") {
		return nil, &problem{status: http.StatusBadRequest, id: "FQXHMDM9023J", text: p.why, recovery: recovery}
	}
	p.step = at
	return a.start(Transfer{Operation: op, UUID: b.UUID, Destination: Internal, User: by.User}, p, by), nil
}

// restore starts a restore. It is called with mu held.
func (a *Appliance) restore(m map[string]json.RawMessage, by kit.Asker) (*job, *problem) {
	b, bad := a.local(m)
	if bad != nil {
		return nil, bad
	}
	passphrase, _ := text(m, "passphrase")
	switch {
	case !b.prepared && a.switches.Is(swUnprepared, "400"):
		return nil, &problem{status: http.StatusBadRequest, id: "FQXHMDM9024J", text: "The backup is not prepared for a restore.",
			explanation: b.UUID, recovery: "Prepare the backup first."}
	case passphrase != b.Passphrase && a.switches.Is(swRestorePassphrase, "needed"):
		return nil, &problem{status: http.StatusBadRequest, id: "FQXHMDM9023J", text: "The passphrase is not correct.",
			recovery: "Provide the passphrase of the backup."}
	}
	t := Transfer{Operation: opRestore, UUID: b.UUID, Destination: Internal, User: by.User}
	j := a.start(t, plan{b: b, from: Internal, took: transferTime}, by)
	j.devices, j.firmware = truth(m, "devices"), truth(m, "firmware")
	if a.switches.Is(swRestore, "refused") {
		a.backAt.Store(a.clock.Base().Add(time.Duration(float64(restartTime) / a.opt.Speed)).UnixNano())
		a.opt.Restored()
	}
	return j, nil
}

// restarting reports whether a restore keeps the appliance from answering.
func (a *Appliance) restarting() bool {
	at := a.backAt.Load()
	return at != 0 && a.clock.Base().UnixNano() < at
}

// postFile validates and decrypts the package that came in last (api/lxca.md 3.7). An import is not simulated.
func (a *Appliance) postFile(c *call) answer {
	if action := c.r.URL.Query().Get("action"); action != opProcess && action != "operation" {
		return a.dataFail(invalid("The action is missing, not valid or not supported."))
	}
	m, err := members(c.r)
	if err != nil {
		return a.dataFail(invalid(err.Error()))
	}
	passphrase, _ := text(m, "passphrase")
	if passphrase == "" {
		return a.dataFail(invalid("The passphrase is missing or not valid."))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.byUUID[a.arrived]
	switch {
	case b == nil || !b.has(Internal):
		return a.dataFail(&problem{status: a.status(swProcessNothing), id: "FQXHMDM9025J", text: "There is no package to process.",
			recovery: "Import or push a package first."})
	case b.uses > 0:
		return a.dataFail(a.inUse(b))
	}
	j, bad := a.decrypt(opProcess, b, passphrase, c.asker())
	if bad != nil {
		return a.dataFail(bad)
	}
	if a.switches.Is(swProcessAnswer, "envelope") {
		return a.ok(http.StatusOK)
	}
	return a.dataOK(j.id)
}
