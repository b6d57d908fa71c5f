package transport

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/clock"
)

func TestFault_TLS04_CAFile(t *testing.T) {
	ca, file := authority(t)
	stranger, _ := authority(t)
	at := func(when time.Time) func(*Options) {
		return func(o *Options) {
			o.Clock = clock.New(func() (time.Time, time.Duration) { return when, 0 })
		}
	}
	year := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	during := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		id   identity
		edit func(*Options)
		says []string
	}{
		"good":   {issue(t, &ca, nil, nil), nil, nil},
		"by ip":  {issue(t, &ca, nil, nil), func(o *Options) { o.URL = "https://127.0.0.1" }, nil},
		"in use": {issue(t, &ca, nil, year), at(during), nil},
		"wrong CA": {issue(t, &stranger, nil, nil), nil,
			[]string{"no CA of the CA file vouches for the certificate"}},
		"self-signed": {issue(t, nil, nil, nil), nil, []string{"no CA of the CA file vouches"}},
		"wrong name": {issue(t, &ca, nil, func(c *x509.Certificate) { c.DNSNames = []string{"other.test", "\x1b[2J"} }), nil,
			[]string{`not for "appliance.test" but for other.test`, "127.0.0.1"}},
		"no name": {issue(t, &ca, nil, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil }), nil,
			[]string{`not for "appliance.test" but for no name at all`}},
		"expired": {issue(t, &ca, nil, year), at(during.AddDate(1, 0, 0)),
			[]string{"expired on 2027-01-01 00:00 UTC", "our clock says 2027-06-01 00:00 UTC"}},
		"not yet valid": {issue(t, &ca, nil, year), at(during.AddDate(-1, 0, 0)),
			[]string{"not valid before 2026-01-01 00:00 UTC", "our clock says 2025-06-01 00:00 UTC"}},
	} {
		s, m := swap(t, test.id)
		c := client(t, m, test.id, func(o *Options) {
			o.Trust = Trust{CAFile: file}
			if test.edit != nil {
				test.edit(o)
			}
		})
		_, err := c.Do(t.Context(), post("/"))
		if test.says == nil {
			if err != nil || c.Peer().Pin != test.id.pin() {
				t.Errorf("%s: %v, peer %+v", name, err, c.Peer())
			}
			continue
		}
		wants(t, err, []error{appliance.ErrUntrusted}, appliance.ErrUnreachable, appliance.ErrAmbiguous)
		says(t, err, test.says...)
		if strings.Contains(err.Error(), "\x1b") || s.requests.Load() != 0 {
			t.Errorf("%s: %q, %d requests arrived", name, err, s.requests.Load())
		}
	}
}

func TestPinWinsOverCAAndOutlivesDatesAndNames(t *testing.T) {
	_, file := authority(t)
	id := issue(t, nil, nil, func(c *x509.Certificate) {
		c.NotAfter, c.DNSNames, c.IPAddresses = validFrom.AddDate(1, 0, 0), nil, nil
	})
	_, m := swap(t, id)
	c := client(t, m, id, func(o *Options) { o.Trust.CAFile = file })
	must(c.Do(t.Context(), get("/")))(t)
	if p := c.Peer(); !p.NotAfter.Equal(id.Leaf.NotAfter) {
		t.Errorf("the end of the certificate is not told: %+v", p)
	}
}
