package broker

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"holdfast/appliance/sim/kit"
)

// credential is what a call has to bring along.
type credential int

const (
	byToken credential = iota
	byPassword
	byTokenUnlessOpen // a token, unless the switch supportedversions-token says open
)

// route is one method of one resource.
type route struct {
	credential credential
	admin      bool   // needs administrator privilege
	locked     bool   // needs the configuration lock
	feature    string // the switch that offers it; empty: always there

	// prepare reads the parameters and the body and gives back what is to be done, or a refusal of them. What it gives
	// back runs after the check of the lock.
	prepare func(*Appliance, *call) (func() reply, *reply)
}

// supportedVersionsPath is the one resource that has no version in its path (api/ecb.md 1.4).
const supportedVersionsPath = "/rest/api/supportedversions"

// routes is every resource that is played: path below the version (or the whole path where there is none), method.
// Reboot and switchover are not offered and fall to 404.
func routes() map[string]map[string]route {
	protected := func(prepare func(*Appliance, *call) (func() reply, *reply)) route {
		return route{admin: true, locked: true, prepare: prepare}
	}
	read := func(prepare func(*Appliance, *call) (func() reply, *reply)) route { return route{prepare: prepare} }
	lst := protected((*Appliance).prepareLST)
	lst.feature = swLST
	return map[string]map[string]route{
		supportedVersionsPath: {http.MethodGet: {credential: byTokenUnlessOpen, prepare: (*Appliance).prepareSupported}},
		"auth/token":          {http.MethodPost: {credential: byPassword, prepare: (*Appliance).prepareToken}},

		"configuration/lock":   {http.MethodPost: {admin: true, prepare: (*Appliance).prepareLock}},
		"configuration/unlock": {http.MethodPost: protected((*Appliance).prepareUnlock)},
		"configuration/management": {
			http.MethodPut:  protected((*Appliance).prepareManagementPut),
			http.MethodPost: protected((*Appliance).prepareManagementPost),
		},
		"configuration/management/files": {
			http.MethodGet:    read((*Appliance).prepareFiles),
			http.MethodDelete: protected((*Appliance).prepareFileDelete),
		},
		"configuration/configElements": {
			http.MethodGet:    read((*Appliance).prepareElements),
			http.MethodPost:   protected((*Appliance).prepareElementPost),
			http.MethodPut:    protected((*Appliance).prepareElementPut),
			http.MethodDelete: protected((*Appliance).prepareElementDelete),
		},
		"configuration/elementTypes":          {http.MethodGet: read((*Appliance).prepareElementTypes)},
		"configuration/elementTypes/metadata": {http.MethodGet: read((*Appliance).prepareMetadata)},
		"configuration/elementTypes/template": {http.MethodGet: read((*Appliance).prepareTemplate)},
		"configuration/bootparams":            {http.MethodGet: read((*Appliance).prepareBootParams)},
		"configuration/lst":                   {http.MethodPut: lst},

		"admin/asyncstatus":   {http.MethodGet: read((*Appliance).prepareAsyncStatus)},
		"system/status":       {http.MethodGet: read((*Appliance).prepareStatus)},
		"system/information":  {http.MethodGet: read((*Appliance).prepareInformation)},
		"system/version":      {http.MethodGet: read((*Appliance).prepareVersion)},
		"statistics/kpiTypes": {http.MethodGet: {feature: swKPI, prepare: (*Appliance).prepareKPITypes}},
		"statistics/kpis":     {http.MethodGet: {feature: swKPI, prepare: (*Appliance).prepareKPIs}},
	}
}

// check looks at one thing before a call is done, and answers nil to let the call go on.
type check func(*Appliance, *call) *reply

// checks is the order in which an ECB looks at a request (api/ecb.md 8). Change the order here and nowhere else.
func checks() []check {
	return []check{
		(*Appliance).checkHTTPS,       // 426
		(*Appliance).checkVersion,     // 404
		(*Appliance).checkPath,        // 404
		(*Appliance).checkVerb,        // 405
		(*Appliance).checkAccept,      // 406
		(*Appliance).checkCredentials, // 401
		(*Appliance).checkPrivilege,   // 403
		(*Appliance).checkParameters,  // 400
		(*Appliance).checkLock,        // 423
	}
}

func (a *Appliance) checkHTTPS(c *call) *reply {
	if c.r.TLS == nil && !a.opts.AllowPlain {
		return refuse(http.StatusUpgradeRequired, textNeedsHTTPS)
	}
	return nil
}

func (a *Appliance) checkVersion(c *call) *reply {
	if c.r.URL.Path == supportedVersionsPath {
		c.path = supportedVersionsPath
		return nil
	}
	rest, found := strings.CutPrefix(c.r.URL.Path, "/rest/")
	if !found {
		return refuse(http.StatusNotFound, "Resource not found.")
	}
	c.version, c.path, _ = strings.Cut(rest, "/")
	if !slices.Contains(a.versions(), c.version) {
		return refuse(http.StatusNotFound, "Unsupported version in URI.")
	}
	return nil
}

func (a *Appliance) checkPath(c *call) *reply {
	if len(a.methods(c.path)) == 0 || (c.version != "" && c.path == supportedVersionsPath) {
		return refuse(http.StatusNotFound, "Resource not found.")
	}
	return nil
}

func (a *Appliance) checkVerb(c *call) *reply {
	methods := a.methods(c.path)
	if !slices.Contains(methods, c.r.Method) {
		rep := failure(http.StatusMethodNotAllowed, "Method not allowed.")
		rep.allow = strings.Join(methods, ", ")
		return &rep
	}
	c.route = a.routes[c.path][c.r.Method]
	return nil
}

// methods are those that a path takes, sorted; none for a path that is not there.
func (a *Appliance) methods(path string) []string {
	var methods []string
	for method, rt := range a.routes[path] {
		if rt.feature == "" || a.switches.Is(rt.feature, offered) {
			methods = append(methods, method)
		}
	}
	sort.Strings(methods)
	return methods
}

func (a *Appliance) checkAccept(c *call) *reply {
	if !accepts(c.r.Header.Get("Accept")) {
		return refuse(http.StatusNotAcceptable, "Accept type is not supported: use application/xml.")
	}
	return nil
}

func (a *Appliance) checkCredentials(c *call) *reply {
	switch c.route.credential {
	case byPassword:
		return a.checkPassword(c)
	case byTokenUnlessOpen:
		if a.switches.Is(swSupportedToken, "open") {
			return nil
		}
	}
	t, found := a.bearer(c.r)
	if !found {
		return refuse(http.StatusUnauthorized, textNotAuthorized)
	}
	c.token, c.account = t, t.account
	return nil
}

func (a *Appliance) checkPrivilege(c *call) *reply {
	if c.route.admin && c.account.Role != kit.RoleAdmin {
		return refuse(http.StatusForbidden, textNotAdmin)
	}
	return nil
}

func (a *Appliance) checkParameters(c *call) *reply {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return badRequest("Query is malformed.")
	}
	c.query = query
	if c.route.credential != byPassword { // a token request has a body of its own kind
		if bad := a.checkBody(c); bad != nil {
			return bad
		}
	}
	do, bad := c.route.prepare(a, c)
	c.do = do
	return bad
}

func (a *Appliance) checkLock(c *call) *reply {
	if !c.route.locked || a.owns(c.token) {
		return nil
	}
	if a.lock == nil {
		return refuse(http.StatusLocked, textNoLock)
	}
	return refuse(http.StatusLocked, textLocked)
}
