package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/clock"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/ui/keymap"
)

// crowd is an appliance with as much of everything as it is told.
type crowd struct {
	locks, backups, jobs int
	clock                *clock.Clock
}

func (c crowd) Name() string         { return "crowd" }
func (c crowd) Kind() appliance.Kind { return appliance.LXCA }

func (c crowd) stamp() appliance.Stamp {
	now := c.clock.Now()
	return appliance.Stamp{Sent: now, Received: now, Date: now.Wall.Truncate(time.Second)}
}

func (c crowd) Probe(context.Context) (appliance.Health, error) {
	return appliance.Health{MayChange: true, PasswordDays: -1, Stamp: c.stamp()}, nil
}

func (c crowd) LockRules() appliance.LockRules { return appliance.LockRules{} }

func (c crowd) Locks(context.Context) (appliance.LockList, error) {
	list := appliance.LockList{Stamp: c.stamp()}
	for i := range c.locks {
		list.Locks = append(list.Locks, appliance.Lock{
			ID: appliance.LockID(fmt.Sprintf("%032d", i)), Scope: appliance.Scope{Code: "UP", Name: appliance.Label("Updates")},
			Holder: appliance.HolderAnother, Created: list.Stamp.Date, TTL: time.Hour + time.Duration(i)*time.Second,
		})
	}
	return list, nil
}

func (c crowd) Acquire(context.Context, appliance.Claim) (appliance.Receipt, error) {
	return appliance.Receipt{}, appliance.ErrUnsupported
}

func (c crowd) Release(context.Context, appliance.Lock) (appliance.Receipt, error) {
	return appliance.Receipt{}, appliance.ErrUnsupported
}

func (c crowd) Backups(context.Context) (appliance.BackupList, error) {
	list := appliance.BackupList{Stamp: c.stamp()}
	for i := range c.backups {
		list.Backups = append(list.Backups, appliance.Backup{
			ID: appliance.BackupID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i)), Label: appliance.Label(fmt.Sprint("nightly-", i)),
			Created: list.Stamp.Date.Add(-time.Duration(i) * time.Hour), Size: 1e10, Locations: []appliance.Location{appliance.Internal},
		})
	}
	return list, nil
}

func (c crowd) Jobs(context.Context) (appliance.JobList, error) {
	list := appliance.JobList{Stamp: c.stamp()}
	for i := range c.jobs {
		list.Jobs = append(list.Jobs, appliance.Job{ID: appliance.JobID(fmt.Sprint(i)), Title: appliance.Label("a job"),
			State: appliance.Label("Running"), Phase: appliance.PhaseRunning, Percent: 40})
	}
	return list, nil
}

func (c crowd) CancelJob(context.Context, appliance.JobID) (appliance.Receipt, error) {
	return appliance.Receipt{}, appliance.ErrUnsupported
}

// crowded is a dashboard at 120x40 that shows a crowd.
func crowded(b *testing.B, locks, backups, jobs int) *Model {
	b.Helper()
	clk := clock.System()
	engine, err := fleet.New(fleet.Options{Clock: clk, Members: []fleet.Member{
		{Appliance: crowd{locks, backups, jobs, clk}, Name: "crowd", Kind: appliance.LXCA,
			Intervals: fleet.Intervals{Locks: time.Hour, Jobs: time.Hour, JobsBusy: time.Hour, Backups: time.Hour, Health: time.Hour}}}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	engine.Start(ctx)
	keys, err := keymap.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	m := New(Options{Context: ctx, Engine: engine, Person: policy.Person{Name: "maria", Role: policy.Admin}, Keys: keys, Theme: "dark"})
	b.Cleanup(func() { m.Close(); cancel(); engine.Close() })
	m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
	for s := m.snapshots[0]; len(s.Locks) < locks || len(s.Backups) < backups || len(s.Jobs) < jobs; s = m.snapshots[0] {
		news, ok := m.nextNews()().(newsMsg)
		if !ok || news.over {
			b.Fatal("the fleet ended")
		}
		m.news(news)
	}
	for p := range m.panes {
		m.panes[p].Apply(m.panes[p].Build(m.source())())
	}
	return m
}

var sizes = []struct {
	name                 string
	locks, backups, jobs int
}{{"few", 100, 100, 100}, {"many", 10_000, 100_000, 1_000}}

// BenchmarkTick is the work of one second: Update and View while the countdowns of a screen run. Its budget is 0.5 ms, and
// the ratio of many to few 1.3 (design.md 8).
func BenchmarkTick(b *testing.B) {
	var few float64
	for _, s := range sizes {
		b.Run(s.name, func(b *testing.B) {
			m := crowded(b, s.locks, s.backups, s.jobs)
			b.ResetTimer()
			for range b.N {
				m.Update(tickMsg(m.tick.generation))
				_ = m.View()
			}
			each := b.Elapsed().Seconds() / float64(b.N)
			if s.name == "few" {
				few = each
			}
			b.ReportMetric(each/few, "x-few")
		})
	}
}

// BenchmarkKey is the work of one key: the cursor of the backups moves, down and up again.
func BenchmarkKey(b *testing.B) {
	for _, s := range sizes {
		b.Run(s.name, func(b *testing.B) {
			m := crowded(b, s.locks, s.backups, s.jobs)
			m.focusOn(paneBackups)
			keys := []tea.KeyPressMsg{{Code: 'j', Text: "j"}, {Code: 'k', Text: "k"}}
			b.ResetTimer()
			for i := range b.N {
				m.Update(keys[i%len(keys)])
				_ = m.View()
			}
		})
	}
}

// BenchmarkFilter is one key of a filter over all backups, which runs beside the event loop.
func BenchmarkFilter(b *testing.B) {
	m := crowded(b, 100, 100_000, 100)
	m.focusOn(paneBackups)
	m.backups.SetQuery("nightly-77")
	b.ResetTimer()
	for range b.N {
		m.panes[paneBackups].Apply(m.panes[paneBackups].Build(m.source())())
	}
}
