package xclarity

import (
	"net"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"time"
)

// postSession logs in (api/lxca.md 1.3).
func (a *Appliance) postSession(c *call) answer {
	m, err := members(c.r)
	if err != nil {
		return a.refuse(http.StatusBadRequest, "FQXHMSE9010J", "The request is not valid.", err.Error(), "Correct the request.")
	}
	user, okUser := text(m, "UserId")
	password, okPassword := text(m, "password")
	if !okUser || !okPassword {
		return a.refuse(http.StatusBadRequest, "FQXHMSE9011J", "UserId and password are required.", "", "Provide both.")
	}
	acc, ok := a.door.check(user, password)
	if !ok {
		return a.refuse(a.status(swLoginRefused), "FQXHMSE0291J", "The log-in failed: user name or password not valid.", "",
			"Check the user name and password, then try again.")
	}
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = c.r.RemoteAddr
	}
	s := a.door.open(acc, host)
	if s == nil {
		return a.refuse(a.status(swSessionLimit), "FQXHMSE9012J", "The maximum number of sessions of this user is reached.", "",
			"Log out of another session.")
	}
	minutes := int64(inactivity / time.Minute)
	ans := a.ok(http.StatusOK)
	body, isObject := ans.body.(map[string]any)
	if !isObject || len(body) == 0 { // a login always tells its session, whatever success-body says
		body = a.wrap(http.StatusOK, true, a.message(okID, okText, "", okRecovery, ""))
	}
	body["response"] = map[string]any{
		"pwChangeRequired": a.boolean(false),
		"session": map[string]any{
			"Address": s.address, "authenticationServer": "127.0.0.1", "created": a.stamp(s.created, millisForm),
			"id": s.id, "csrf": s.csrf, "inactivityTimeout": a.number(minutes), "UserId": strings.ToUpper(acc.User),
		},
	}
	ans.body = body
	for _, kv := range [][2]string{{sessionCookie, s.id}, {"csrf", s.csrf}, {"inactivityTimeout", strconv.FormatInt(minutes, 10)},
		{"user", strings.ToUpper(acc.User)}, {"userAuthenticationMethod", "local"}} {
		ans.cookies = append(ans.cookies, &http.Cookie{
			Name: kv[0], Value: kv[1], Path: "/", Secure: true, HttpOnly: kv[0] == sessionCookie,
		})
	}
	return ans
}

// deleteSession logs out the session that asks. Its answer always has a body, because clients read it.
func (a *Appliance) deleteSession(c *call) answer {
	if c.session != nil {
		a.door.end(c.session.id)
	}
	return answer{status: http.StatusOK, body: a.wrap(http.StatusOK, true, a.message(okID, okText, "", okRecovery, ""))}
}

// deleteOtherSession logs out the session that the path names.
func (a *Appliance) deleteOtherSession(c *call) answer {
	if !a.door.end(c.id) {
		return a.refuse(http.StatusNotFound, "FQXHMSE9013J", "There is no such session.", "", "List the sessions.")
	}
	return answer{status: http.StatusOK, body: a.wrap(http.StatusOK, true, a.message(okID, okText, "", okRecovery, ""))}
}

// getSessions lists the living sessions, oldest first.
func (a *Appliance) getSessions(c *call) answer {
	all := a.door.all()
	sort.Slice(all, func(i, j int) bool {
		if !all[i].created.Equal(all[j].created) {
			return all[i].created.Before(all[j].created)
		}
		return all[i].id < all[j].id
	})
	list := make([]any, 0, len(all))
	for _, s := range all {
		idle := a.clock.Base().Sub(s.used)
		list = append(list, map[string]any{
			"Address": s.address, "authenticationServer": "127.0.0.1", "created": a.stamp(s.created, millisForm), "id": s.id,
			"idleFor": strconv.Itoa(int(idle / time.Second)), "isOwnSession": a.boolean(c.session != nil && c.session.id == s.id),
			"lastAccessed": a.stamp(a.clock.Now().Add(-idle), millisForm), "UserId": strings.ToUpper(s.user.User),
		})
	}
	body := a.wrap(http.StatusOK, true)
	body["response"] = list
	return answer{status: http.StatusOK, body: body}
}
