package ecb

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/secret"
)

// mostFields bounds how many attributes of one answer are kept for showing.
const mostFields = 500

// decodeToken reads the answer to a login or a renewal (api/ecb.md 2.1). Its errors never quote the answer.
func decodeToken(root *node) (secret.Secret, error) {
	data, err := payload(root)
	if err != nil {
		return secret.Secret{}, err
	}
	text := data.word("accessToken")
	if !usable(text) {
		return secret.Secret{}, malformed("there is no usable access token in it")
	}
	return secret.New(text), nil
}

// usable reports whether text can be a token: it goes into a header.
func usable(text string) bool {
	const most = 16 << 10
	return text != "" && len(text) <= most && strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// status is what system/status tells (api/ecb.md 6.1).
type status struct {
	host   appliance.Text
	role   appliance.Text
	uptime time.Duration // 0 = not told
	fields []appliance.Field
}

func decodeStatus(root *node) (status, error) {
	data, err := payload(root)
	if err != nil {
		return status{}, err
	}
	if len(data.kids) == 0 {
		return status{}, malformed("the status is empty")
	}
	return status{
		host:   appliance.Label(data.word("hostName")),
		role:   appliance.Label(data.word("role")),
		uptime: seconds(data.word("uptimeSeconds", "upTimeSeconds", "upTime")),
		fields: fieldsOf("status", data),
	}, nil
}

// identity is what system/information and system/version tell of the product (api/ecb.md 6.2, 6.3).
type identity struct {
	product, build, host appliance.Text
	uptime               time.Duration
	fields               []appliance.Field
}

func decodeInformation(root *node) (identity, error) {
	return decodeIdentity(root, "systemInformation", "information")
}

func decodeVersion(root *node) (identity, error) {
	return decodeIdentity(root, "systemVersionInfo", "version")
}

func decodeIdentity(root *node, element, prefix string) (identity, error) {
	data, err := payload(root)
	if err != nil {
		return identity{}, err
	}
	n := data.child(element)
	if n == nil {
		return identity{}, malformed("there is no %s in it", element)
	}
	return identity{
		product: appliance.Label(n.word("productName")),
		build:   appliance.Label(n.word("buildVersion")),
		host:    appliance.Label(n.word("hostName", "host")),
		uptime:  seconds(n.word("upTimeSeconds", "uptimeSeconds", "upTime")),
		fields:  fieldsOf(prefix, n),
	}, nil
}

// decodeVersions reads the versions of the API that the appliance offers, newest first (api/ecb.md 1.4).
func decodeVersions(root *node) ([]appliance.Text, error) {
	data, err := payload(root)
	if err != nil {
		return nil, err
	}
	n := data.child("supportedVersions")
	latest := n.word("latestVersion")
	if latest == "" {
		return nil, malformed("it names no latest version")
	}
	all := []appliance.Text{appliance.Label(latest)}
	if others := n.child("otherVersions"); others != nil {
		for _, k := range others.kids {
			if v := appliance.Label(k.text); k.name == "version" && !v.Empty() && len(all) < mostFields {
				all = append(all, v)
			}
		}
	}
	return all, nil
}

// seconds reads a whole number of seconds; 0 = not told or not to be believed.
func seconds(s string) time.Duration {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}

// fieldsOf lists all leaves below n that hold text, sorted by their names from n down, each behind the prefix.
func fieldsOf(prefix string, n *node) []appliance.Field {
	var fields []appliance.Field
	n.walk(func(path []string, e *node) {
		if e.leaf() && e.text != "" && len(path) > 0 && len(fields) < mostFields {
			fields = append(fields, appliance.Field{
				Key:   appliance.Label(prefix + "." + strings.Join(path, ".")),
				Value: appliance.Words(e.text),
			})
		}
	})
	slices.SortStableFunc(fields, func(a, b appliance.Field) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	return fields
}
