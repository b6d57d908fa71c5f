package lxca

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// Where things are on an LXCA.
const (
	pathAppliance  = "/aicc"
	pathAccounts   = "/userAccounts"
	pathLocks      = "/aicc/service/sftp/locks"
	pathData       = "/managementServer/data"
	pathRepository = "/managementServer/data/repository"
	pathTasks      = "/tasks"
	pathFiles      = "/files/managementServer/data"
	pathQuiesce    = "/managementServer/quiesce"
)

// addressPattern is what may name the target of a push: an address or a host name.
var addressPattern = regexp.MustCompile(`^[0-9A-Za-z:._%-]{1,253}$`)

// get is a request that changes nothing.
func get(path string) transport.Request { return request(http.MethodGet, path, nil) }

// request is any request of ours. The vendor's clients accept everything, and what else could be asked for is not
// documented (api/lxca.md 1.1); the language has only a wish (6 #9).
func request(method, path string, body any) transport.Request {
	r := transport.Request{
		Method: method, Path: path, Accept: "*/*",
		Header: http.Header{"Accept-Language": {"en-US"}},
	}
	if body != nil {
		r.ContentType, r.Body = "application/json", encode(body)
	}
	return r
}

// encode writes a request body of ours on one line. The bodies hold strings, integers and truth values only, so it cannot
// fail.
func encode(body any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		panic(fmt.Sprintf("request body %T: %v", body, err))
	}
	return bytes.TrimSpace(b.Bytes())
}

// lockBody asks for a lock (api/lxca.md 2.3).
type lockBody struct {
	Component         string `json:"component"`
	ExpirationTimeOut int64  `json:"expirationTimeOut"`
}

// dataBody starts or cancels a transfer (api/lxca.md 3.4).
type dataBody struct {
	Action      string `json:"action"`
	Operation   string `json:"operation"`
	UUID        string `json:"uuid,omitempty"`
	Destination string `json:"destination,omitempty"`
}

// taskBody acts on jobs (api/lxca.md 4.5).
type taskBody struct {
	Action string   `json:"action"`
	List   []string `json:"list"`
}

// acquireRequest asks for a lock. It refuses what no LXCA can mean: a component that is not one of the twenty, and a
// lifetime that is not whole seconds.
func acquireRequest(c appliance.Claim) (transport.Request, error) {
	if _, ok := component(c.Scope); !ok {
		return transport.Request{}, fmt.Errorf("%s is not a component that can be locked", appliance.Label(c.Scope))
	}
	if c.TTL < time.Second || c.TTL%time.Second != 0 {
		return transport.Request{}, fmt.Errorf("a lock lasts whole seconds, not %s", c.TTL)
	}
	return request(http.MethodPost, pathLocks, lockBody{c.Scope, int64(c.TTL / time.Second)}), nil
}

// lockRequest asks for one lock.
func lockRequest(id appliance.LockID) (transport.Request, error) { return lockAt(http.MethodGet, id) }

// releaseRequest gives a lock back.
func releaseRequest(id appliance.LockID) (transport.Request, error) {
	return lockAt(http.MethodDelete, id)
}

func lockAt(method string, id appliance.LockID) (transport.Request, error) {
	if _, ok := appliance.ParseLockID(string(id)); !ok {
		return transport.Request{}, fmt.Errorf("%q is not the id of a lock", appliance.Label(string(id)))
	}
	return request(method, pathLocks+"/"+string(id), nil), nil
}

// transferRequest starts a copy, a move or a push.
func transferRequest(t appliance.Transfer) (transport.Request, error) {
	uuid, ok := appliance.ParseUUID(string(t.Backup))
	if !ok {
		return transport.Request{}, fmt.Errorf("%q is not the uuid of a backup", appliance.Label(string(t.Backup)))
	}
	body := dataBody{Action: "start", UUID: string(uuid), Destination: t.Destination}
	switch t.Verb {
	case appliance.VerbCopy, appliance.VerbMove:
		body.Operation = string(t.Verb)
		_, ok = appliance.ParseLocation(t.Destination)
	case appliance.VerbPush:
		body.Operation = string(t.Verb)
		ok = addressPattern.MatchString(t.Destination)
	default:
		return transport.Request{}, fmt.Errorf("%s of a backup: %w", t.Verb, appliance.ErrUnsupported)
	}
	if !ok {
		return transport.Request{}, fmt.Errorf("%q is no destination of a %s", appliance.Label(t.Destination), t.Verb)
	}
	return request(http.MethodPut, pathData, body), nil
}

// cancelPushRequest stops whatever push runs.
func cancelPushRequest() transport.Request {
	return request(http.MethodPut, pathData, dataBody{Action: "cancel", Operation: "push"})
}

// jobRequest asks for one job.
func jobRequest(id appliance.JobID) (transport.Request, error) {
	if _, ok := jobID(string(id)); !ok {
		return transport.Request{}, fmt.Errorf("%q is not the id of a job", appliance.Label(string(id)))
	}
	return get(pathTasks + "/" + string(id)), nil
}

// cancelJobRequest cancels one job.
func cancelJobRequest(id appliance.JobID) (transport.Request, error) {
	if _, ok := jobID(string(id)); !ok {
		return transport.Request{}, fmt.Errorf("%q is not the id of a job", appliance.Label(string(id)))
	}
	return request(http.MethodPut, pathTasks, taskBody{Action: "cancel", List: []string{string(id)}}), nil
}
