package kit

import "strings"

// Account is a user of a simulated appliance.
type Account struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Role     string `json:"role"`
}

// Roles of accounts. On an LXCA RoleAdmin is Supervisor, on an ECB administrator; RoleViewer may only look.
const (
	RoleAdmin  = "admin"
	RoleViewer = "viewer"
)

// DefaultAccounts are the two accounts that every simulated appliance starts with.
func DefaultAccounts() []Account {
	return []Account{
		{User: "admin", Password: "Passw0rd-admin", Role: RoleAdmin},
		{User: "viewer", Password: "Passw0rd-viewer", Role: RoleViewer},
	}
}

// Find returns the account with these credentials. User names are compared without case (api/lxca.md 1.2).
func Find(accounts []Account, user, password string) (Account, bool) {
	for _, a := range accounts {
		if strings.EqualFold(a.User, user) && a.Password == password {
			return a, true
		}
	}
	return Account{}, false
}
