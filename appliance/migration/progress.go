package migration

import (
	"fmt"
	"strings"
	"time"

	"holdfast/appliance"
)

// Tally counts the steps by phase, in words: "3 done, 1 failed, 2 queued".
func (r *Record) Tally() string {
	counts := map[Phase]int{}
	for i := range r.Steps {
		counts[r.Steps[i].Phase]++
	}
	var words []string
	for _, p := range []Phase{
		PhaseDone, PhaseFailed, PhaseUnknown, PhaseSending, PhaseRunning, PhaseDeleting, PhasePassphrase, PhaseProcessing, PhaseQueued,
		PhaseSkipped, PhaseCancelled,
	} {
		if n := counts[p]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, p))
		}
	}
	return strings.Join(words, ", ")
}

// Progress is how far a migration is, as far as that is known.
type Progress struct {
	Done, Steps int
	// Moved and Bytes are of the steps whose size is known, in bytes; Sized tells that all are.
	Moved, Bytes int64
	Sized        bool
	// Share is from 0 to 1: by bytes where all sizes are known, else by steps. 1 means that every step is done and nothing else.
	Share float64
}

// Percent tells how far the job of a step is, from 0 to 100; negative = not known.
type Percent func(s *Step) float64

// Progress sums up. What a job says of itself counts less than whole: 100 % is not success (faults.md JOB-08).
func (r *Record) Progress(percent Percent) Progress {
	p := Progress{Steps: len(r.Steps), Sized: true}
	var steps float64
	for i := range r.Steps {
		s := &r.Steps[i]
		share := r.share(s, percent)
		steps += share
		if s.Phase == PhaseDone {
			p.Done++
		}
		switch {
		case s.Phase == PhaseSkipped || s.Phase == PhaseCancelled:
			p.Steps-- // nothing of it is to be expected
			steps -= share
		case s.Item.Size < 0:
			p.Sized = false
		default:
			p.Bytes += s.Item.Size
			p.Moved += int64(share * float64(s.Item.Size))
		}
	}
	switch {
	case p.Steps > 0 && p.Done == p.Steps:
		p.Share = 1
	case p.Sized && p.Bytes > 0:
		p.Share = float64(p.Moved) / float64(p.Bytes)
	case p.Steps > 0:
		p.Share = steps / float64(p.Steps)
	}
	if p.Done < p.Steps {
		p.Share = min(p.Share, 0.99)
	}
	return p
}

// share is how much of a step is done, from 0 to 1.
func (r *Record) share(s *Step, percent Percent) float64 {
	const unverified = 0.99
	switch s.Phase {
	case PhaseDone:
		return 1
	case PhaseDeleting, PhasePassphrase, PhaseProcessing:
		return unverified
	case PhaseRunning:
		if at := percent(s); at > 0 {
			return min(at/100, unverified)
		}
	}
	if s.Stage == StageDelete {
		return unverified
	}
	return 0
}

// PercentOf reads the jobs of the newest snapshots.
func PercentOf(f Fleet) Percent {
	return func(s *Step) float64 {
		if j := JobOf(f, s); j != nil {
			return j.Percent
		}
		return -1
	}
}

// JobOf is the job of a running step as its appliance told it last; nil when it told none.
func JobOf(f Fleet, s *Step) *appliance.Job {
	snap := f.Snapshot(s.Item.Appliance)
	if snap == nil || s.Job == "" || s.Phase != PhaseRunning {
		return nil
	}
	for i := range snap.Jobs {
		if snap.Jobs[i].ID == s.Job {
			return &snap.Jobs[i].Job
		}
	}
	return nil
}

// Rate is how fast a migration goes, from what was seen of it in the last minutes.
type Rate struct {
	samples []sample
}

type sample struct {
	at    time.Duration // on our running clock
	moved float64       // bytes, or shares of a step where sizes are not known
}

// rateSpan is how far back a rate looks.
const rateSpan = 2 * time.Minute

// Add notes how far the migration is now. Steps back (a transfer that began anew) begin the measure anew.
func (r *Rate) Add(now appliance.Reading, p Progress) {
	s := sample{now.Run, float64(p.Moved)}
	if !p.Sized {
		s.moved = p.Share * float64(p.Steps)
	}
	if n := len(r.samples); n > 0 && (s.moved < r.samples[n-1].moved || s.at < r.samples[n-1].at) {
		r.samples = r.samples[:0]
	}
	r.samples = append(r.samples, s)
	for len(r.samples) > 2 && now.Run-r.samples[1].at >= rateSpan {
		r.samples = r.samples[1:]
	}
}

// PerSecond is the rate in bytes (or shares of a step) a second; 0 = not known.
func (r *Rate) PerSecond() float64 {
	n := len(r.samples)
	if n < 2 {
		return 0
	}
	span := (r.samples[n-1].at - r.samples[0].at).Seconds()
	if span <= 0 {
		return 0
	}
	return (r.samples[n-1].moved - r.samples[0].moved) / span
}

// Left is how long the rest takes at this rate; 0 = not known.
func (r *Rate) Left(p Progress) time.Duration {
	rate := r.PerSecond()
	if rate <= 0 || p.Share >= 1 {
		return 0
	}
	rest := float64(p.Bytes - p.Moved)
	if !p.Sized {
		rest = (1 - p.Share) * float64(p.Steps)
	}
	return time.Duration(rest / rate * float64(time.Second)).Round(time.Second)
}
