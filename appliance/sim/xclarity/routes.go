package xclarity

import (
	"net/http"
	"sort"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// call is one request on its way to a resource.
type call struct {
	r       *http.Request
	user    kit.Account
	session *session // nil with basic authentication
	id      string   // what {id} of the pattern matched
}

// asker is who sent the request.
func (c *call) asker() kit.Asker { return kit.AskerOf(c.r).As(c.user.User) }

type handler func(*Appliance, *call) answer

// route is a resource: its pattern, in which {id} stands for one path element, and its methods.
type route struct {
	pattern string
	methods map[string]handler
}

var routes = []route{
	{"/aicc", map[string]handler{"GET": (*Appliance).getAICC}},
	{"/aicc/service/sftp/locks", map[string]handler{"GET": (*Appliance).getLocks, "POST": (*Appliance).postLock}},
	{"/aicc/service/sftp/locks/{id}", map[string]handler{"GET": (*Appliance).getLock, "DELETE": (*Appliance).deleteLock}},
	{"/userAccounts", map[string]handler{"GET": (*Appliance).getUsers}},
	{"/userAccounts/{id}", map[string]handler{"GET": (*Appliance).getUser}},
	{"/userAccountSettings", map[string]handler{"GET": (*Appliance).getUserSettings}},
	{"/sessions", map[string]handler{"GET": (*Appliance).getSessions, "POST": (*Appliance).postSession,
		"DELETE": (*Appliance).deleteSession}},
	{"/sessions/{id}", map[string]handler{"DELETE": (*Appliance).deleteOtherSession}},
	{"/managementServer/data", map[string]handler{"GET": (*Appliance).getBackups, "POST": (*Appliance).postData,
		"PUT": (*Appliance).putData}},
	{"/managementServer/data/repository", map[string]handler{"GET": (*Appliance).getRepository}},
	{"/managementServer/data/{id}", map[string]handler{"DELETE": (*Appliance).deleteBackup}},
	{"/files/managementServer/data", map[string]handler{"POST": (*Appliance).postFile}},
	{"/managementServer/quiesce", map[string]handler{"GET": (*Appliance).getQuiesce}},
	{"/tasks", map[string]handler{"GET": (*Appliance).getTasks, "PUT": (*Appliance).putTasks}},
	{"/tasks/{id}", map[string]handler{"GET": (*Appliance).getTask, "PUT": (*Appliance).putTask, "DELETE": (*Appliance).deleteTasks}},
	{"/jobs", map[string]handler{"GET": (*Appliance).getJobs}},
	{"/jobs/{id}", map[string]handler{"GET": (*Appliance).getJob, "PUT": (*Appliance).putJob, "DELETE": (*Appliance).deleteJob}},
}

// match returns the resource of a path and what its {id} is. Paths are compared with case (api/lxca.md 1.1).
func match(path string) (route, string, bool) {
	for _, rt := range routes {
		if rt.pattern == path {
			return rt, "", true
		}
		if prefix, ok := strings.CutSuffix(rt.pattern, "{id}"); ok {
			if id, ok := strings.CutPrefix(path, prefix); ok && id != "" && !strings.Contains(id, "/") {
				return rt, id, true
			}
		}
	}
	return route{}, "", false
}

// ServeHTTP answers one request. The order of refusals is 401, 403, 404 or 405, 400.
func (a *Appliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	closed, busy := a.hush()
	if closed || a.restarting() {
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	if busy && r.URL.Path != "/managementServer/quiesce" {
		a.gone(w)
		return
	}
	if a.away.Load() {
		a.gone(w)
		return
	}
	a.Settle()
	ans := a.answer(r)
	if d := time.Duration(a.slow.Load()); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
		}
	}
	a.write(w, r, ans)
}

// gone is what a request to an appliance that is away meets.
func (a *Appliance) gone(w http.ResponseWriter) {
	if a.switches.Is(swAway, "close") {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	send(w, http.StatusServiceUnavailable, [][]byte{page(http.StatusServiceUnavailable, "The management server is not ready.")}, false)
}

func (a *Appliance) answer(r *http.Request) answer {
	path := r.URL.Path
	if len(path) > 1 {
		path = strings.TrimSuffix(path, "/")
	}
	c := &call{r: r}
	if path == "/sessions" && r.Method == http.MethodPost {
		return a.postSession(c)
	}
	acc, s, refused := a.door.enter(r)
	if refused != nil {
		ans := a.fail(refused)
		if refused.status == http.StatusUnauthorized {
			ans.header = map[string]string{"WWW-Authenticate": `Basic realm="LXCA"`}
		}
		return ans
	}
	c.user, c.session = acc, s
	ans := a.dispatch(path, c)
	if s == nil {
		ans.cookies = append(ans.cookies, &http.Cookie{Name: "userAuthenticationMethod", Value: "local", Path: "/", Secure: true})
	}
	return ans
}

// dispatch enforces the role, then finds the resource.
func (a *Appliance) dispatch(path string, c *call) answer {
	if writes(c.r) && c.user.Role != kit.RoleAdmin && path != "/sessions" {
		return a.forbidden(path)
	}
	rt, id, ok := match(path)
	if !ok || (strings.HasPrefix(path, "/aicc/service/sftp/locks") && !a.hasLocks()) {
		return a.refuse(http.StatusNotFound, "FQXHMCN9001J", "The requested resource was not found.", "", "Check the URL.")
	}
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	h, ok := rt.methods[method]
	if !ok {
		allowed := make([]string, 0, len(rt.methods))
		for m := range rt.methods {
			allowed = append(allowed, m)
		}
		sort.Strings(allowed)
		ans := a.refuse(http.StatusMethodNotAllowed, "FQXHMCN9002J", "The method is not supported by this resource.", "",
			"Use another method.")
		ans.header = map[string]string{"Allow": strings.Join(allowed, ", ")}
		return ans
	}
	c.id = id
	return h(a, c)
}

// forbidden is the answer to a change by somebody who may only look.
func (a *Appliance) forbidden(path string) answer {
	p := &problem{status: http.StatusForbidden, id: "FQXHMSE9020J", text: "You do not have the privileges for this request.",
		explanation: "The request needs a user with the lxc-supervisor role.", recovery: "Ask a user with that role."}
	if strings.HasPrefix(path, "/aicc/service/sftp/locks") && a.switches.Is(swLockForbidden, "html") {
		return answer{
			status: p.status, chunks: [][]byte{page(p.status, p.text)}, header: map[string]string{"Content-Type": "text/html; charset=UTF-8"},
		}
	}
	return a.fail(p)
}
