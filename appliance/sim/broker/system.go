package broker

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const productName = "Oracle Enterprise Communications Broker"

// versions are those that paths may name, oldest first.
func (a *Appliance) versions() []string {
	value := strings.TrimSuffix(a.switches.Get(swVersions), "-only")
	return strings.Split(value, "+")
}

// prepareSupported plays GET /rest/api/supportedversions (api/ecb.md 1.4).
func (a *Appliance) prepareSupported(*call) (func() reply, *reply) {
	return func() reply {
		all := a.versions()
		others := group("otherVersions")
		for _, v := range all[:len(all)-1] {
			others.kids = append(others.kids, leaf("version", v))
		}
		return ok(group("supportedVersions", leaf("latestVersion", all[len(all)-1]), others))
	}, nil
}

func (a *Appliance) uptime(c *call) string {
	return strconv.FormatInt(int64(c.now.Sub(a.boot).Seconds()), 10)
}

// prepareStatus plays GET system/status; its payload stands directly under data (api/ecb.md 6.1).
func (a *Appliance) prepareStatus(c *call) (func() reply, *reply) {
	return func() reply {
		role := strings.ReplaceAll(a.switches.Get(swRole), "-", " ")
		state, health := "online", "100"
		if role == "out of service" {
			state, health = "offline", "0"
		}
		data := []node{
			leaf(a.switches.Get(swStatusUptime), a.uptime(c)),
			leaf("hostName", a.opts.Name),
			leaf("systemState", state),
			leaf("role", role),
			leaf("healthScorePercent", health),
		}
		if role == "active" || role == "standby" {
			data = append(data, a.pairStatus(role)...)
		}
		return ok(data...)
	}, nil
}

// pairStatus is what a node of an HA pair adds to its status.
func (a *Appliance) pairStatus(role string) []node {
	peer := "standby"
	if role == "standby" {
		peer = "active"
	}
	return []node{
		leaf("haPeerName", a.opts.Name+"-peer"),
		leaf("haPeerRole", peer),
		leaf("haHealthScorePercent", "100"),
		group("haSyncState", group("component", leaf("name", "config"), leaf("state", "enabled"))),
	}
}

// prepareInformation plays GET system/information (api/ecb.md 6.2).
func (a *Appliance) prepareInformation(c *call) (func() reply, *reply) {
	return func() reply {
		return ok(group("systemInformation",
			leaf("hostName", a.opts.Name), leaf("productName", productName), leaf("buildVersion", a.opts.Build),
			leaf("upTimeSeconds", a.uptime(c)), leaf("contact", ""), leaf("location", ""), leaf("name", a.opts.Name),
			leaf("serialNum", a.serial)))
	}, nil
}

// prepareVersion plays GET system/version (api/ecb.md 6.3).
func (a *Appliance) prepareVersion(*call) (func() reply, *reply) {
	return func() reply {
		return ok(group("systemVersionInfo",
			leaf("productName", productName), leaf("buildVersion", a.opts.Build),
			leaf("oracleLinuxInfo", "Oracle Linux Server release 8.9"), leaf("host", "build-host"), leaf("user", "build"),
			leaf("buildView", "/build/view"), leaf("buildCycle", "87"), leaf("buildDate", "2026-03-17 04:12:09 UTC")))
	}, nil
}

// prepareLST plays PUT configuration/lst where the release has it: 200 for save, 204 for the others (api/ecb.md 3.5).
func (a *Appliance) prepareLST(c *call) (func() reply, *reply) {
	action := c.query.Get("action")
	if action != "verify" && action != "save" && action != "refresh" {
		return nil, badRequest("Parameter action is missing or not valid.")
	}
	if !plainName(c.query.Get("filename")) {
		return nil, badRequest("Parameter filename is missing or not valid.")
	}
	return func() reply {
		if action == "save" {
			return ok()
		}
		return noContent()
	}, nil
}

// kpiTypes are the statistics of api/ecb.md 6.5.
func kpiTypes() []string {
	return []string{"globalSessions", "sessCapacityUtil", "sipRegistrations", "sysCPUUtil", "sysMemoryUtil"}
}

func (a *Appliance) prepareKPITypes(c *call) (func() reply, *reply) {
	return func() reply {
		rep := ok()
		for _, t := range kpiTypes() {
			rep.links = append(rep.links, a.link(c, "statistics/kpis", url.Values{"type": {t}}))
		}
		return rep
	}, nil
}

func (a *Appliance) prepareKPIs(c *call) (func() reply, *reply) {
	kind := c.query.Get("type")
	for _, t := range kpiTypes() {
		if t != kind {
			continue
		}
		return func() reply {
			if kind == "globalSessions" {
				return ok(group(kind, leaf("sysGlobalCPS", "3"), leaf("sysGlobalConSessions", "117")))
			}
			return ok(leaf(kind, "12"))
		}, nil
	}
	return nil, refuse(http.StatusBadRequest, "Parameter type is missing or not valid.")
}
