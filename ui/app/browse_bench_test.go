package app

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"holdfast/ui/keymap"
)

// BenchmarkBrowse opens the browser of every backup from what is in memory: rows are made, sorted and drawn. Its budget for 100,000 is
// 150 ms (issue 4), most of it beside the event loop.
func BenchmarkBrowse(b *testing.B) {
	for _, group := range []string{"plain", "appliance", "location", "label"} {
		b.Run(group, func(b *testing.B) {
			m := crowded(b, 100, 100_000, 100)
			m.focusOn(paneBackups)
			m.backups.ToggleAll()
			b.ResetTimer()
			for range b.N {
				m.panes[paneBackups].Apply(m.panes[paneBackups].Build(m.source())())
				_ = m.View()
			}
		})
		_ = keymap.All
	}
	_ = tea.KeyPressMsg{}
}
