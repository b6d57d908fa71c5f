package broker

import (
	"maps"
	"net/http"
	"slices"

	"holdfast/appliance/sim/kit"
)

// prepareFiles plays GET configuration/management/files. The vendor shows no body, so its shape is a switch
// (api/ecb.md 5.5).
func (a *Appliance) prepareFiles(*call) (func() reply, *reply) {
	return func() reply {
		shape := a.switches.Get(swFilesShape)
		var files []node
		for _, name := range slices.Sorted(maps.Keys(a.backups)) {
			switch shape {
			case "fileList-fileName":
				files = append(files, leaf("fileName", name))
			case "backup-name":
				files = append(files, group("backup", leaf("name", name), leaf("directory", "/code/bkups")))
			default:
				files = append(files, leaf("file", name))
			}
		}
		switch shape {
		case "fileList-fileName":
			return ok(group("fileList", files...))
		case "backup-name":
			return ok(group("backups", files...))
		case "file-flat":
			return ok(files...)
		}
		return ok(group("backupFiles", files...))
	}, nil
}

// prepareFileDelete plays DELETE configuration/management/files.
func (a *Appliance) prepareFileDelete(c *call) (func() reply, *reply) {
	name := c.query.Get("filename")
	if !plainName(name) {
		return nil, badRequest("Parameter filename is missing or not valid.")
	}
	return func() reply {
		if _, found := a.backups[name]; !found {
			return failure(http.StatusNotFound, "File not found.")
		}
		delete(a.backups, name)
		a.record(c.now, c.asker(), kit.Effect{What: "backup.deleted", ID: name})
		return noContent()
	}, nil
}
