package xclarity

import (
	"net/http"
	"time"
)

// restartTime is how long the appliance closes every connection after a restore has begun, at speed 1.
const restartTime = 20 * time.Second

// postData prepares or starts a restore (api/lxca.md 3.3). Making a backup is not simulated.
func (a *Appliance) postData(c *call) answer {
	bad := func(words string) answer {
		return a.refuse(http.StatusBadRequest, "FQXHMDM9020J", words, "", "Correct the request.")
	}
	m, err := members(c.r)
	if err != nil {
		return bad(err.Error())
	}
	operation, _ := text(m, "operation")
	action, _ := text(m, "action")
	if operation != opRestore || (action != opPrepare && action != "start") {
		return bad("The operation or the action is missing, not valid or not supported.")
	}
	uuid, _ := text(m, "uuid")
	op := opPrepare
	if action == "start" {
		op = opRestore
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.byUUID[uuid]
	switch {
	case b == nil || !b.has(Internal):
		return a.fail(a.refused("The backup is not in the local repository.", uuid))
	case b.uses > 0:
		return a.fail(a.inUse(b))
	}
	t := Transfer{Operation: op, UUID: uuid, Destination: Internal, User: c.user.User}
	j := a.start(t, plan{b: b, from: Internal, took: transferTime}, c.asker())
	if op == opRestore && a.switches.Is(swRestore, "refused") {
		a.backAt.Store(a.clock.Base().Add(time.Duration(float64(restartTime) / a.opt.Speed)).UnixNano())
		a.opt.Restored()
	}
	return a.dataOK(j.id)
}

// restarting reports whether a restore keeps the appliance from answering.
func (a *Appliance) restarting() bool {
	at := a.backAt.Load()
	return at != 0 && a.clock.Base().UnixNano() < at
}
