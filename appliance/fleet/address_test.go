package fleet

import "testing"

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
