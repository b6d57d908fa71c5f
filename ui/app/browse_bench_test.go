package app

import (
	"fmt"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// spread is a dashboard whose browser shows the backups of ten appliances, n in all, each listed newest first, so that those of the
// fleet must be sorted.
func spread(b *testing.B, n int) *Model {
	b.Helper()
	m := crowded(b, 100, 100, 100)
	now := m.frame().Now
	m.snapshots = nil
	for a := range 10 {
		s := &fleet.Snapshot{Name: fmt.Sprint("lxca-", a), Kind: appliance.LXCA, Order: a, Can: fleet.Can{Backups: true},
			BackupsPart: fleet.Part{At: now, StaleAfter: time.Hour}, Space: appliance.Space{Used: 7e10, Total: 2e11}}
		for i := range n / 10 {
			id := fmt.Sprintf("%08x-0000-0000-0000-%012d", a, i)
			s.Backups = append(s.Backups, fleet.Backup{Appliance: s.Name, Backup: appliance.Backup{
				ID: appliance.BackupID(id), Label: appliance.Label(fmt.Sprint("nightly-", i)), Checksum: appliance.Label(id + id), Size: 1e10,
				Version: appliance.Label("4.1.0"), Created: now.Wall.Add(-time.Duration(10*i+a) * time.Minute),
				Locations: []appliance.Location{appliance.Internal, "/mnt/nas"}[:1+i%2]}})
		}
		m.snapshots = append(m.snapshots, s)
		m.place[s.Name] = a
	}
	m.zoomed = true
	m.focusOn(paneBackups)
	m.backups.ToggleAll()
	m.remake()
	return m
}

// remake makes the rows of the browser as a build does, which runs beside the event loop.
func (m *Model) remake() { m.backups.Apply(m.backups.Build(m.source())()) }

// renew makes the newest listing another one, so that nothing that was made of the last is used again.
func (m *Model) renew() {
	s := *m.snapshots[0]
	s.BackupsPart.Unreadable++
	m.snapshots[0] = &s
}

// BenchmarkBrowse opens the browser of all backups from what is in memory: its rows are made, sorted, grouped and drawn. Its budget
// for 100,000 is 150 ms (issue 4), nearly all of it beside the event loop.
func BenchmarkBrowse(b *testing.B) {
	for _, group := range []string{"plain", "appliance", "location", "label"} {
		b.Run(group, func(b *testing.B) {
			m := spread(b, 100_000)
			for i := 0; group != []string{"plain", "appliance", "location", "label"}[i]; i++ {
				m.backups.Regroup()
			}
			b.ResetTimer()
			for range b.N {
				m.renew()
				m.remake()
				_ = m.View()
			}
		})
	}
}

// BenchmarkBrowseFilter is one key of a filter over 100,000 backups of ten appliances: its budget is 50 ms (issue 4), for the first
// letter, which nearly all of them hold, as for a later one.
func BenchmarkBrowseFilter(b *testing.B) {
	for _, query := range []string{"n", "nightly-77"} {
		b.Run(query, func(b *testing.B) {
			m := spread(b, 100_000)
			for b.Loop() {
				b.StopTimer()
				m.backups.SetQuery("")
				m.renew()
				m.remake()
				m.backups.SetQuery(query)
				b.StartTimer()
				m.remake()
				_ = m.View()
			}
		})
	}
}

// BenchmarkBrowseKey is one key in the browser, grouped by label and with marks: Update and View. The ratio of many to few must not be
// above 1.3 (issue 4: it draws as fast as with 100).
func BenchmarkBrowseKey(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"few", 100}, {"many", 100_000}} {
		b.Run(size.name, func(b *testing.B) {
			m := spread(b, size.n)
			for range 3 {
				m.backups.Regroup()
			}
			m.remake()
			m.backups.Touch()
			for range 5 {
				m.backups.Mark()
			}
			keys := []tea.KeyPressMsg{{Code: 'j', Text: "j"}, {Code: 'k', Text: "k"}}
			b.ResetTimer()
			for i := range b.N {
				m.Update(keys[i%len(keys)])
				_ = m.View()
			}
		})
	}
}
