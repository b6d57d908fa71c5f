package jobs

import (
	"math"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/ui/widget"
)

// Pace is how fast a job has gone on since it began, on the average, when it was last listed. Both are reckoned and not told by the
// appliance.
type Pace struct {
	Rate int64         // bytes a second; 0 = not known
	Left time.Duration // 0 = not known
}

// leastPercent is the progress from which an average says anything.
const leastPercent = 2

// about tells a row what it is about, as far as a job or our own transfer says: the backup's label, and with its size the rate.
func (r *Row) about(known map[appliance.BackupID]*fleet.Backup, s *fleet.Snapshot) {
	id := r.Backup
	if r.Transfer != nil {
		id, r.Label = r.Transfer.Backup, r.Transfer.Label.String()
	}
	size := int64(-1)
	if b := known[id]; b != nil {
		size = b.Size
		if r.Label == "" {
			r.Label = b.Label.String()
		}
	}
	r.Pace = pace(r.Job.Job, s.JobsPart.At.Wall.Add(s.Skew), size, r.Mine && r.Transfer != nil)
}

// pace reckons from the share that is done since the start, both by the appliance's clock. Only a transfer of ours has a rate: of
// others it is not known what they carry.
func pace(j appliance.Job, listed time.Time, size int64, ours bool) Pace {
	took := listed.Sub(j.Started)
	if j.Phase != appliance.PhaseRunning || j.Started.IsZero() || took < time.Second || !(j.Percent >= leastPercent && j.Percent < 100) {
		return Pace{}
	}
	done := j.Percent / 100
	p := Pace{}
	if left := float64(took) * (1 - done) / done; left < math.MaxInt64/2 {
		p.Left = time.Duration(left)
	}
	if ours && size > 0 && moves(j) {
		p.Rate = int64(float64(size) * done / took.Seconds())
	}
	return p
}

// moves reports whether the package itself may be under way: the first part of a job that has parts only prepares that.
func moves(j appliance.Job) bool {
	return len(j.Children) == 0 || slices.ContainsFunc(j.Children, func(c appliance.Job) bool { return !c.Phase.Live() })
}

// left is the time left in steps that grow with it, since it is reckoned.
func (p Pace) left() string {
	switch d := p.Left; {
	case d <= 0:
		return ""
	case d < 10*time.Second:
		return "<10s"
	case d < 10*time.Minute:
		return widget.Span(d.Round(10 * time.Second))
	default:
		return widget.Span(d.Round(time.Minute))
	}
}

// rate is the bytes a second in words.
func (p Pace) rate() string {
	if p.Rate <= 0 {
		return ""
	}
	return widget.Size(p.Rate) + "/s"
}

// backups finds the backups that jobs of a snapshot are about; most listings have none, so it looks only when one is wanted.
func backups(s *fleet.Snapshot) map[appliance.BackupID]*fleet.Backup {
	wanted := map[appliance.BackupID]*fleet.Backup{}
	for i := range s.Jobs {
		if t := s.Jobs[i].Transfer; t != nil {
			wanted[t.Backup] = nil
		} else if id := s.Jobs[i].Backup; id != "" {
			wanted[id] = nil
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	for i := range s.Backups {
		if _, ok := wanted[s.Backups[i].ID]; ok {
			wanted[s.Backups[i].ID] = &s.Backups[i]
		}
	}
	return wanted
}
