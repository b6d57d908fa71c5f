package broker

import (
	"net/http"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// prepareManagementPut plays PUT configuration/management: save, verify, restore (api/ecb.md 5.1).
func (a *Appliance) prepareManagementPut(c *call) (func() reply, *reply) {
	switch action := c.query.Get("action"); action {
	case "save", "verify":
		return func() reply {
			if action == "save" {
				a.beginSave(c.asker(), c.now)
			} else {
				a.beginVerify(c.asker(), c.now)
			}
			return a.accepted(c)
		}, nil
	case "restore":
		return a.prepareRestore(c)
	case "":
		return nil, badRequest("Required parameter action is missing.")
	default:
		return nil, badRequest("Parameter action is not valid.")
	}
}

func (a *Appliance) beginSave(by kit.Asker, now time.Time) {
	content := a.config.editing
	a.begin("save", by, now, func(op *operation) {
		if a.switches.Is(swSaveVerifies, "yes") {
			if flaws := verify(content); len(flaws) > 0 {
				op.failed = flawText(flaws)
				return
			}
		}
		a.config.saved = content
		a.record(op.ends, by, kit.Effect{What: "config.saved", ID: op.id()})
	})
}

func (a *Appliance) beginVerify(by kit.Asker, now time.Time) {
	content := a.config.editing
	a.begin("verify", by, now, func(op *operation) {
		if op.details = verify(content); len(op.details) > 0 {
			op.failed = flawText(op.details)
		}
	})
}

func (a *Appliance) prepareRestore(c *call) (func() reply, *reply) {
	source, name := c.query.Get("restoreSource"), c.query.Get("filename")
	switch source {
	case "running", "saved":
	case "backupFile":
		if !plainName(name) {
			return nil, badRequest("Parameter filename is missing or not valid.")
		}
	default:
		return nil, badRequest("Parameter restoreSource is missing or not valid.")
	}
	return func() reply {
		content, more := a.config.running, source
		switch source {
		case "saved":
			content = a.config.saved
		case "backupFile":
			stored, found := a.backups[name]
			if !found {
				return a.restoreMissing(c)
			}
			content, more = stored, source+" "+name
		}
		a.beginRestore(c.asker(), c.now, content, more)
		return a.accepted(c)
	}, nil
}

// restoreMissing answers a restore from a file that is not there.
func (a *Appliance) restoreMissing(c *call) reply {
	const words = "File not found."
	if a.switches.Is(swRestoreMissing, "async-fail") {
		a.begin("restore", c.asker(), c.now, func(op *operation) { op.failed = words })
		return a.accepted(c)
	}
	return failure(statusCode(a.switches.Get(swRestoreMissing)), words)
}

func (a *Appliance) beginRestore(by kit.Asker, now time.Time, content []element, more string) {
	a.begin("restore", by, now, func(op *operation) {
		a.config.editing = content
		a.record(op.ends, by, kit.Effect{What: "config.restored", ID: op.id(), More: more})
	})
}

// prepareManagementPost plays POST configuration/management: activate, backup (api/ecb.md 5.2).
func (a *Appliance) prepareManagementPost(c *call) (func() reply, *reply) {
	switch action := c.query.Get("action"); {
	case action == "activate":
		return func() reply {
			a.beginActivate(c.asker(), c.now)
			return a.accepted(c)
		}, nil
	case action == "backup" && c.version != "v1.0": // v1.0 knows activate only
		return a.prepareBackup(c)
	case action == "":
		return nil, badRequest("Required parameter action is missing.")
	default:
		return nil, badRequest("Parameter action is not valid.")
	}
}

func (a *Appliance) beginActivate(by kit.Asker, now time.Time) {
	content := a.config.saved
	a.begin("activate", by, now, func(op *operation) {
		a.config.running = content
		a.record(op.ends, by, kit.Effect{What: "config.activated", ID: op.id()})
	})
}

func (a *Appliance) prepareBackup(c *call) (func() reply, *reply) {
	name := c.query.Get("filename")
	if !plainName(name) {
		return nil, badRequest("Parameter filename is missing or not valid.")
	}
	var content []element
	switch c.query.Get("backupSource") {
	case "running":
		content = a.config.running
	case "saved":
		content = a.config.saved
	case "editing":
		content = a.config.editing
	default:
		return nil, badRequest("Parameter backupSource is missing or not valid.")
	}
	return func() reply {
		name := a.storedName(name)
		if _, exists := a.backups[name]; exists && a.switches.Is(swBackupExists, "400") {
			return failure(http.StatusBadRequest, "File already exists.")
		}
		a.beginBackup(c.asker(), c.now, name, content)
		return a.accepted(c)
	}, nil
}

func (a *Appliance) beginBackup(by kit.Asker, now time.Time, name string, content []element) {
	a.begin("backup", by, now, func(op *operation) {
		if _, exists := a.backups[name]; exists { // also where two were begun under one name
			op.failed = "File already exists."
			return
		}
		a.backups[name] = content
		a.record(op.ends, by, kit.Effect{What: "backup.created", ID: name, More: op.id()})
	})
}

func (a *Appliance) storedName(name string) string {
	if a.switches.Is(swBackupGz, "appended") && !strings.HasSuffix(name, ".gz") {
		return name + ".gz"
	}
	return name
}

// plainName reports whether a file name is one, and not a path.
func plainName(name string) bool {
	return name != "" && name != "." && name != ".." && !strings.ContainsAny(name, "/\\")
}
