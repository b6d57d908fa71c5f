package xclarity

import (
	"net/http"
	"strconv"
	"strings"

	"holdfast/appliance/sim/kit"
)

// hasLocks reports whether this version has SFTP locks at all: they came with 4.1.0.
func (a *Appliance) hasLocks() bool {
	major, minor := 0, 0
	parts := strings.SplitN(a.opt.Version, ".", 3)
	if len(parts) > 1 {
		major, _ = strconv.Atoi(parts[0]) // a version that is no number has no locks
		minor, _ = strconv.Atoi(parts[1])
	}
	return major > 4 || (major == 4 && minor >= 1)
}

// getAICC tells version, services and date (api/lxca.md 1.6).
func (a *Appliance) getAICC(*call) answer {
	a.mu.Lock()
	sftp := 3
	if a.sftp {
		sftp = 0
	}
	a.mu.Unlock()
	service := func(id, initd string, state, pid int) any {
		return map[string]any{"id": id, "initd": initd, "state": a.number(int64(state)), "pid": a.number(int64(pid))}
	}
	state := func(n int, words string) any {
		return map[string]any{"state": a.number(int64(n)), "description": words}
	}
	return answer{status: http.StatusOK, body: map[string]any{
		"appliance": map[string]any{
			"version": a.opt.Version, "build": "162", "date": "2026-03-22_06-49-00", "name": "LXCA - " + a.opt.Address,
			"uuid": a.uuid, "status": "Normal", "runlevel": a.number(3),
		},
		"services": []any{
			service("lxca", "lxca", 0, 1904), service("postgresql", "postgresql", 0, 1377), service("sftp", "sshd", sftp, 2275),
		},
		"service_states": []any{
			state(0, "program is running"), state(1, "program is dead and PID file exists"),
			state(2, "program is dead and lock file exists"), state(3, "program is not running"),
			state(4, "program status is unknown"), state(191, "restart trigger"),
		},
		"date": map[string]any{"date_time": a.clock.Now().UTC().Format(wordsForm)},
	}}
}

// getUsers lists the accounts (api/lxca.md 1.4).
func (a *Appliance) getUsers(*call) answer {
	body := a.wrap(http.StatusOK, true)
	body["response"] = a.users()
	return answer{status: http.StatusOK, body: body}
}

// getUser tells one account by its id. The shape beside response is ours: Lenovo's own client asks for it so and reads
// response, no more.
func (a *Appliance) getUser(c *call) answer {
	for i, u := range a.users() {
		if strconv.Itoa(i+1) == c.id {
			body := a.wrap(http.StatusOK, true)
			body["response"] = u
			return answer{status: http.StatusOK, body: body}
		}
	}
	return a.refuse(http.StatusNotFound, "FQXHMSE9014J", "There is no such user.", "", "List the users.")
}

// users renders the accounts.
func (a *Appliance) users() []map[string]any {
	days := int64(a.status(swPasswordDays))
	sessions := map[string]int64{}
	for _, s := range a.door.all() {
		sessions[s.user.User]++
	}
	list := make([]map[string]any, 0, len(a.opt.Accounts))
	for i, acc := range a.opt.Accounts {
		group := "lxc-operator"
		if acc.Role == kit.RoleAdmin {
			group = "lxc-supervisor"
		}
		list = append(list, map[string]any{
			"userName": strings.ToUpper(acc.User), "id": a.number(int64(i + 1)), "groups": []string{group},
			"supervisor": a.boolean(acc.Role == kit.RoleAdmin), "state": "Active", "activeSessions": a.number(sessions[acc.User]),
			"pwExpired": a.boolean(days == 0), "pwExpirationWarning": a.boolean(days <= 5), "timeBeforeExpirationInDays": a.number(days),
			"PasswordChangeFirstAccess": a.boolean(false), "loginAttempts": a.number(int64(a.door.attempts(acc.User))),
			"lastLoginTimestamp": "", "reserved": a.boolean(false),
		})
	}
	return list
}

// getUserSettings tells the account policy (api/lxca.md 1.4).
func (a *Appliance) getUserSettings(*call) answer {
	body := a.wrap(http.StatusOK, true)
	body["response"] = map[string]any{
		"InactivityTimeout": a.number(int64(inactivity.Minutes())), "LockoutTime": a.number(int64(lockoutTime.Minutes())),
		"MaxConcurrentSessions": a.number(maxSessions), "MaximumLoginFailures": a.number(maxFailures),
		"MaximumPasswordExpiration": a.number(90),
	}
	return answer{status: http.StatusOK, body: body}
}
