package ecb

import (
	"net/http"
	"net/url"

	"holdfast/appliance"
	"holdfast/appliance/secret"
	"holdfast/appliance/transport"
)

const mediaXML = "application/xml"

// Resources that are read. All but the first stand below the version (api/ecb.md 1.4, 5.3, 5.5, 6).
const (
	resVersions    = "/rest/api/supportedversions"
	resStatus      = "system/status"
	resInformation = "system/information"
	resVersion     = "system/version"
	resAsync       = "admin/asyncstatus"
	resFiles       = "configuration/management/files"
)

func pathOf(version, resource string) string {
	if resource == resVersions {
		return resource
	}
	return "/rest/" + url.PathEscape(version) + "/" + resource
}

func readRequest(version, resource string, t secret.Secret) transport.Request {
	return transport.Request{
		Method: http.MethodGet,
		Path:   pathOf(version, resource),
		Auth:   transport.Bearer(t),
		Accept: mediaXML,
	}
}

// loginRequest asks for a token that has nothing to do with any other (api/ecb.md 2.1).
func loginRequest(version, user string, password secret.Secret) transport.Request {
	return transport.Request{
		Method: http.MethodPost,
		Path:   pathOf(version, "auth/token"),
		Auth:   transport.Basic(user, password),
		Accept: mediaXML,
		Login:  true,
	}
}

// renewRequest asks for a token that takes over what t owns (api/ecb.md 2.2). It is no Login: it moves the lock.
func (c *Client) renewRequest(version string, password, t secret.Secret) transport.Request {
	r := loginRequest(version, c.opt.User, password)
	r.Login = false
	r.ContentType = "application/x-www-form-urlencoded"
	if c.opt.BareContentType {
		r.ContentType = "x-www-form-urlencoded"
	}
	r.Body = []byte(t.Reveal())
	if key := c.opt.RenewalForm.key(); key != "" {
		r.Body = []byte(key + url.QueryEscape(t.Reveal()))
	}
	r.SecretBody = true
	return r
}

// key is what stands before the token in a renewal's body.
func (f RenewalForm) key() string {
	switch f {
	case FormAccessToken, FormToken:
		return string(f) + "="
	default:
		return ""
	}
}

func lockRequest(version string, t secret.Secret) transport.Request {
	return ownedRequest(http.MethodPost, version, "configuration/lock", t)
}

func unlockRequest(version string, t secret.Secret) transport.Request {
	return ownedRequest(http.MethodPost, version, "configuration/unlock", t)
}

// verifyRequest checks the edited configuration. It needs the lock and changes nothing, so its status tells whether t
// owns the lock: 202 or 423 (api/ecb.md 2.2).
func verifyRequest(version string, t secret.Secret) transport.Request {
	r := ownedRequest(http.MethodPut, version, "configuration/management", t)
	r.Query = url.Values{"action": {"verify"}}
	return r
}

func ownedRequest(method, version, resource string, t secret.Secret) transport.Request {
	return transport.Request{
		Method: method,
		Path:   pathOf(version, resource),
		Auth:   transport.Bearer(t),
		Accept: mediaXML,
	}
}

// Explain lists what a verb sends when all goes well; nil for a verb that an ECB does not have. A proof of ownership is
// listed while it is still needed.
func (c *Client) Explain(a appliance.Act) []appliance.Call {
	var none secret.Secret
	v := c.restVersion()
	bearer := func(r transport.Request) appliance.Call { return c.http.Call(r, "bearer", "") }
	switch a.Verb {
	case appliance.VerbAcquire:
		lock := bearer(lockRequest(v, none))
		if !c.goodSpare().zero() {
			return []appliance.Call{lock}
		}
		return []appliance.Call{c.http.Call(loginRequest(v, c.opt.User, none), "basic", c.opt.User), lock}
	case appliance.VerbExtend:
		renewal := c.http.Call(c.renewRequest(v, none, none), "basic", c.opt.User)
		renewal.Body = c.opt.RenewalForm.key() + "$TOKEN"
		calls := []appliance.Call{renewal}
		if works, known := c.proof(); !known || !works {
			calls = append(calls, bearer(readRequest(v, resAsync, none)), bearer(verifyRequest(v, none)))
		}
		return calls
	case appliance.VerbRelease:
		return []appliance.Call{bearer(unlockRequest(v, none))}
	default:
		return c.explainWork(a)
	}
}

// Locate lists the requests that ask for a part. There is none for the lock, which cannot be asked for, but the observer probe
// (api/ecb.md 3.4).
func (c *Client) Locate(part appliance.Part, _ string) []appliance.Call {
	var resources []string
	var calls []appliance.Call
	switch part {
	case appliance.PartLocks:
		if c.opt.ObserverProbe {
			calls = append(calls, c.http.Call(unlockRequest(c.restVersion(), secret.Secret{}), "bearer", ""))
		}
	case appliance.PartHealth:
		resources = append([]string{resStatus}, onceOnly()...)
	case appliance.PartBackups:
		resources = []string{resFiles}
	case appliance.PartJobs:
		resources = []string{resAsync}
	}
	for _, r := range resources {
		calls = append(calls, c.http.Call(readRequest(c.restVersion(), r, secret.Secret{}), "bearer", ""))
	}
	return calls
}
