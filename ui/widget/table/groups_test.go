package table

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

// grouped shows rows a0 to a4, b0 to b4, …, with a heading before each letter.
func grouped(m *Model[row], letters string, hidden func(row) bool) {
	var rows []row
	for _, l := range letters {
		for i := range 5 {
			rows = append(rows, row{fmt.Sprintf("%c%d", l, i), i})
		}
	}
	by, down, _ := m.Order()
	m.SetIndex(Build(rows, Spec[row]{Key: func(r row) string { return r.id }, Words: func(r row) string { return r.id }, By: by, Down: down,
		Group: func(r row) (int, string) { return 0, r.id[:1] }, Folded: hidden,
		Heads: func(shown, folded []row) (heads []Head) {
			for i, r := range shown {
				if i == 0 || r.id[0] != shown[i-1].id[0] {
					heads = append(heads, Head{i, "HEAD " + r.id[:1]})
				}
			}
			if len(folded) > 0 {
				heads = append(heads, Head{len(shown), fmt.Sprint(len(folded), " folded")})
			}
			return heads
		}}))
}

// Headings are lines and no rows: the cursor goes past them, and the one of the first row in sight is in sight too.
func TestHeadings(t *testing.T) {
	t.Parallel()
	m := New(columns())
	m.Touch()
	grouped(m, "abc", func(r row) bool { return r.id[0] == 'c' })
	picture := func() string { return ansi.Strip(strings.Join(m.View(frame(), 40, 7, true), "\n")) }
	var seen []string
	for range 12 {
		seen = append(seen, m.CursorKey())
		if got := picture(); !strings.Contains(got, "▸ "+m.CursorKey()) {
			t.Errorf("%s is not in sight:\n%s", m.CursorKey(), got)
		}
		m.Move(1)
	}
	if got := strings.Join(seen, " "); got != "a0 a1 a2 a3 a4 b0 b1 b2 b3 b4 b4 b4" {
		t.Errorf("the cursor went %s", got)
	}
	if above, below := m.Hidden(); above != 5 || below != 0 {
		t.Errorf("%d above, %d below", above, below)
	}
	m.Go("b0")
	if got := picture(); !strings.Contains(got, "HEAD b") {
		t.Errorf("the heading is not in sight:\n%s", got)
	}
	m.First()
	if got := picture(); !strings.Contains(got, "HEAD a") || strings.Contains(got, "folded") {
		t.Errorf("at the top:\n%s", got)
	}
	grouped(m, "c", func(row) bool { return true })
	if got := picture(); !strings.Contains(got, "5 folded") || m.Index().Len() != 0 || m.Index().Total != 5 {
		t.Errorf("all folded:\n%s", got)
	}
}

// Groups come first in every order and stay where they are when it is turned round.
func TestGroupsStay(t *testing.T) {
	t.Parallel()
	m := New(columns())
	for range 5 {
		grouped(m, "cab", nil)
		var letters string
		for _, r := range m.Index().Rows {
			letters += r.id[:1]
		}
		if letters != "aaaaabbbbbccccc" {
			t.Errorf("groups %s", letters)
		}
		m.SortNext()
	}
}
