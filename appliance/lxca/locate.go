package lxca

import (
	"holdfast/appliance"
)

// Locate tells the requests that ask for a part of the appliance, or for one lock or job of it. The requests are those that
// are really sent.
func (c *Client) Locate(part appliance.Part, id string) []appliance.Call {
	var paths []string
	switch part {
	case appliance.PartHealth:
		paths = []string{pathAppliance, pathAccounts}
	case appliance.PartLocks:
		paths = []string{pathLocks}
		if lock, ok := appliance.ParseLockID(id); ok {
			paths[0] += "/" + string(lock)
		}
	case appliance.PartBackups:
		paths = []string{pathData}
	case appliance.PartJobs:
		paths = []string{pathTasks}
		if job, ok := appliance.ParseJobID(id); ok {
			paths[0] += "/" + string(job)
		}
	}
	calls := make([]appliance.Call, 0, len(paths))
	for _, p := range paths {
		r := get(p)
		calls = append(calls, c.transport.Call(r, "basic", c.user))
	}
	return calls
}
