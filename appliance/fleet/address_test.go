package fleet

import (
	"testing"

	"holdfast/appliance"
)

// An appliance is known by its address in whatever way that is written (faults.md NET-13).
func TestFault_NET13_SameAddress(t *testing.T) {
	t.Parallel()
	same := [][]string{
		{"dc2.example.net", "DC2.Example.NET", "dc2.example.net.", "dc2.example.net:443", "DC2.example.net.:443"},
		{"198.18.0.2", "198.18.0.2:443", "::ffff:198.18.0.2"},
		{"fe80::1", "[fe80::1]", "[FE80::1]:443", "fe80:0:0::1"},
		{"dc2.example.net:8443", "DC2.example.net:8443"},
		{"not an address"}, {"Not an address"},
	}
	for i, group := range same {
		for j, other := range same {
			for _, a := range group {
				for _, b := range other {
					if got := SameAddress(a, b); got != (i == j) {
						t.Errorf("%q and %q: %v", a, b, got)
					}
				}
			}
		}
	}
	if SameAddress("", "") {
		t.Error("appliances without an address are the same")
	}
}

// A push to a member is followed there however its address was typed, and one to the pushing appliance itself is refused.
func TestFault_NET13_PushTargets(t *testing.T) {
	t.Parallel()
	from, to := &watcher{m: Member{Address: "dc1.example.net"}}, &watcher{m: Member{Address: "[FE80::1]:443"}}
	e := &Engine{watchers: []*watcher{from, to, {}}}
	for address, want := range map[string]*watcher{
		"DC1.example.net.": from, "dc1.example.net:443": from, "fe80::1": to, "dc1.example.net:8443": nil, "": nil,
	} {
		if got := e.target(appliance.Transfer{Verb: appliance.VerbPush, Destination: address}); got != want {
			t.Errorf("%q goes to %v", address, got)
		}
	}
	b := appliance.Backup{Locations: []appliance.Location{appliance.Internal}}
	for address, want := range map[string]string{
		"DC1.example.net.": "that is this appliance itself", "dc1.example.net:443": "that is this appliance itself", "fe80::1": "",
	} {
		if got := from.whyNotTo(b, appliance.VerbPush, address); got != want {
			t.Errorf("%q: %q", address, got)
		}
	}
}
