package migration

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Report is what a migration did, for people and for programs. Times are RFC 3339, sizes bytes, durations seconds.
type Report struct {
	ID          string       `json:"id"`
	Plan        string       `json:"plan"`
	Operation   string       `json:"operation"`
	Careful     bool         `json:"careful"`
	Destination string       `json:"destination"`
	Target      string       `json:"target,omitempty"`
	Who         string       `json:"who"`
	State       string       `json:"state"`
	Note        string       `json:"note,omitempty"`
	Tally       string       `json:"tally"`
	Begun       time.Time    `json:"begun"`
	Ended       *time.Time   `json:"ended"`
	Steps       []ReportStep `json:"steps"`
}

// ReportStep is one step of a report.
type ReportStep struct {
	Number    int        `json:"step"`
	Appliance string     `json:"appliance"`
	UUID      string     `json:"uuid"`
	Label     string     `json:"label"`
	Checksum  string     `json:"checksum"`
	Size      *int64     `json:"size"`
	State     string     `json:"state"`
	Where     string     `json:"where"`
	Job       string     `json:"job,omitempty"`
	Tries     int        `json:"tries"`
	Began     *time.Time `json:"began"`
	Ended     *time.Time `json:"ended"`
	Seconds   *float64   `json:"seconds"`
	Rate      *float64   `json:"bytes_per_second"`
	Note      string     `json:"note,omitempty"`
}

// where words a fate for people; what was never sent has none.
var where = map[string]string{
	"":        "not touched",
	"there":   "at the destination, as the listing says",
	"told":    "at the destination, as the job says; nobody could be asked",
	"not":     "where it was",
	"both":    "at the destination, and the original is kept",
	"neither": "listed neither here nor there",
	"other":   "something else lies at the destination",
	"unknown": "not known",
}

// Report sums up a migration as it stands.
func (r *Record) Report() Report {
	rep := Report{
		ID: r.ID, Plan: r.Plan.Words(), Operation: string(r.Plan.Verb), Careful: r.Plan.Careful, Destination: r.Plan.Destination,
		Target: r.Plan.Target, Who: r.Plan.Who, State: string(r.State), Note: r.Note, Tally: r.Tally(), Begun: r.Begun.UTC(),
		Ended: moment(r.Ended), Steps: make([]ReportStep, len(r.Steps)),
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		rs := ReportStep{
			Number: i + 1, Appliance: s.Item.Appliance, UUID: string(s.Item.Backup), Label: s.Item.Label.String(),
			Checksum: s.Item.Checksum.String(), State: string(s.Phase), Where: where[string(s.Fate)], Job: string(s.Job), Tries: s.Try,
			Began: moment(s.Began), Ended: moment(s.Ended), Note: s.Note,
		}
		if s.Fate == "" && (s.Phase.Open() || s.Phase == PhaseUnknown) { // else it was refused, if it was sent at all
			rs.Where = where["unknown"]
		}
		if s.Item.Size >= 0 {
			rs.Size = &s.Item.Size
		}
		if s.Took > 0 {
			seconds := s.Took.Seconds()
			rs.Seconds = &seconds
			if s.Item.Size > 0 && s.Phase == PhaseDone {
				rate := float64(s.Item.Size) / seconds
				rs.Rate = &rate
			}
		}
		rep.Steps[i] = rs
	}
	return rep
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// JSON writes the report for programs.
func (r Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	return append(b, '\n'), err
}

// Markdown writes the report for people.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Migration %s: %s\n\n", r.ID, cell(r.State))
	fmt.Fprintf(&b, "- What: %s\n- Who: %s\n- Begun: %s\n- Ended: %s\n- Steps: %s\n", cell(r.Plan), cell(r.Who), stamp(&r.Begun), stamp(r.Ended), r.Tally)
	if r.Note != "" {
		fmt.Fprintf(&b, "- Note: %s\n", cell(r.Note))
	}
	b.WriteString("\n| # | appliance | backup | uuid | checksum | size | state | where it is now | took | rate | job | note |\n")
	b.WriteString("|--:|---|---|---|---|--:|---|---|--:|--:|---|---|\n")
	for _, s := range r.Steps {
		size, took, rate := "", "", ""
		if s.Size != nil {
			size = humanize.Bytes(uint64(*s.Size))
		}
		if s.Seconds != nil {
			took = (time.Duration(*s.Seconds) * time.Second).String()
		}
		if s.Rate != nil {
			rate = humanize.Bytes(uint64(*s.Rate)) + "/s"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", s.Number, cell(s.Appliance), cell(s.Label), s.UUID,
			cell(s.Checksum), size, s.State, s.Where, took, rate, s.Job, cell(s.Note))
	}
	return b.String()
}

func stamp(t *time.Time) string {
	if t == nil {
		return "not yet"
	}
	return t.UTC().Format(time.RFC3339)
}

// cell keeps what others wrote from being taken for Markdown.
func cell(s string) string {
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "*", `\*`, "_", `\_`, "`", "\\`", "<", "&lt;", "[", `\[`, "#", `\#`).Replace(s)
}
