package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// statusWait is how long status waits for the slowest appliance.
const statusWait = 45 * time.Second

func statusCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Look at every appliance once and print what there is",
		Long: "Exits with 0 when every appliance answered, with 4 when at least one did not. With --json the answer is one " +
			"object as the README describes.",
		Args: wants(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return status(cmd.Context(), env, *f, asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func status(ctx context.Context, env *Env, f flags, asJSON bool) error {
	c, err := load(env, f)
	if err != nil {
		return err
	}
	r, err := assemble(ctx, env, c, looking())
	if err != nil {
		return err
	}
	defer r.close()
	if err := settled(ctx, r.engine); err != nil {
		return exit(ExitFailed, err)
	}
	snapshots := r.engine.Snapshots()
	known := r.remembered(ctx, env)
	write := writeStatus
	if asJSON {
		write = writeStatusJSON
	}
	if err := write(env.Out, snapshots, known, env.Clock.Now()); err != nil {
		return exit(ExitFailed, fmt.Errorf("print the status: %w", err))
	}
	silent := 0
	for _, s := range snapshots {
		if !s.State.Answers() {
			silent++
		}
	}
	if silent > 0 {
		return exit(ExitUnreachable, fmt.Errorf("%d of %d appliances did not answer, or could not be asked", silent, len(snapshots)))
	}
	return nil
}

// settled waits until every appliance has told everything once, or failed to.
func settled(ctx context.Context, e *fleet.Engine) error {
	ctx, cancel := context.WithTimeout(ctx, statusWait)
	defer cancel()
	viewer := e.Subscribe()
	defer viewer.Close()
	for {
		if allTold(e.Snapshots()) {
			return nil
		}
		if _, err := viewer.Next(ctx); err != nil {
			if ctx.Err() == context.DeadlineExceeded {
				return nil // whatever was told by then is the answer; who did not tell is said
			}
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("wait for the appliances: %w", err)
		}
	}
}

func allTold(snapshots []*fleet.Snapshot) bool {
	for _, s := range snapshots {
		if s.State == fleet.StateAsking {
			return false
		}
		if !s.State.Answers() {
			continue
		}
		for _, p := range []struct {
			can bool
			fleet.Part
		}{{s.Can.Lock, s.LocksPart}, {s.Can.Backups, s.BackupsPart}, {s.Can.Jobs, s.JobsPart}} {
			if p.can && p.At.IsZero() && p.Err == "" {
				return false
			}
		}
	}
	return true
}

func writeStatus(out io.Writer, snapshots []*fleet.Snapshot, known memory, now appliance.Reading) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "APPLIANCE\tKIND\tSTATE\tLOCKS\tBACKUPS\tJOBS\tNOTE")
	for _, s := range snapshots {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, s.Kind, s.State, held(s, known, now),
			told(s.BackupsPart, len(s.Backups)), told(s.JobsPart, len(s.Jobs)), statusNote(s))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	first := true
	for _, s := range snapshots {
		for _, l := range s.Locks {
			if first {
				fmt.Fprintln(w, "\nLOCK ON\tSCOPE\tHOLDER\tLEFT AT LEAST")
				first = false
			}
			x := known.listed(l, now)
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.Name, l.Scope, x.Holder, x.left(now))
		}
	}
	return w.Flush()
}

// held counts the locks that somebody holds; whether the only lock of an ECB is held may not be known, which is a question mark.
func held(s *fleet.Snapshot, known memory, now appliance.Reading) string {
	n := 0
	for _, l := range s.Locks {
		switch who := known.listed(l, now).Holder; {
		case !l.Exclusive, who == string(appliance.HolderYou), who == string(appliance.HolderAnother):
			n++
		case who != string(appliance.HolderNobody):
			return "?"
		}
	}
	return told(s.LocksPart, n)
}

// told is a count, or a dash for what was never told.
func told(p fleet.Part, n int) string {
	if p.At.IsZero() {
		return "-"
	}
	return fmt.Sprint(n)
}

func statusNote(s *fleet.Snapshot) string {
	if s.Trouble != "" {
		return s.Trouble
	}
	for _, n := range s.Notices {
		if n.Level >= fleet.Warn {
			return n.Text
		}
	}
	return ""
}

func holder(l fleet.Lock) string {
	if l.Mine && !l.Unproven {
		return string(appliance.HolderYou)
	}
	return string(l.Holder)
}

// The JSON of status. It is documented in the README and only ever grows.
type (
	statusJSON struct {
		Appliances []applianceJSON `json:"appliances"`
	}
	applianceJSON struct {
		Name    string       `json:"name"`
		Kind    string       `json:"kind"`
		State   string       `json:"state"`
		Trouble string       `json:"trouble,omitempty"`
		Version string       `json:"version,omitempty"`
		Locks   []lockJSON   `json:"locks"`
		Backups []backupJSON `json:"backups"`
		Jobs    []jobJSON    `json:"jobs"`
	}
	lockJSON struct {
		ID     string     `json:"id,omitempty"`
		Scope  string     `json:"scope"`
		Holder string     `json:"holder"`
		Ends   *time.Time `json:"ends,omitempty"` // earliest end, by our clock
	}
	backupJSON struct {
		ID        string     `json:"id"`
		Label     string     `json:"label,omitempty"`
		Created   *time.Time `json:"created,omitempty"`
		Size      *int64     `json:"size,omitempty"`
		Checksum  string     `json:"checksum,omitempty"`
		Locations []string   `json:"locations"`
	}
	jobJSON struct {
		ID      string     `json:"id"`
		Title   string     `json:"title,omitempty"`
		State   string     `json:"state"`
		Outcome string     `json:"outcome"`
		Percent *float64   `json:"percent,omitempty"`
		Started *time.Time `json:"started,omitempty"`
	}
)

// writeStatusJSON prints the object. What was never told is null, which is not the same as none.
func writeStatusJSON(out io.Writer, snapshots []*fleet.Snapshot, known memory, now appliance.Reading) error {
	all := statusJSON{Appliances: []applianceJSON{}}
	for _, s := range snapshots {
		all.Appliances = append(all.Appliances, toJSON(s, known, now))
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(all)
}

func toJSON(s *fleet.Snapshot, known memory, now appliance.Reading) applianceJSON {
	a := applianceJSON{Name: s.Name, Kind: string(s.Kind), State: s.State.String(), Trouble: s.Trouble, Version: s.Health.Version.String()}
	if !s.LocksPart.At.IsZero() {
		a.Locks = []lockJSON{}
		for _, l := range s.Locks {
			x := known.listed(l, now)
			a.Locks = append(a.Locks, lockJSON{Scope: x.Scope, Holder: x.Holder, ID: x.ID, Ends: x.Ends})
		}
	}
	if !s.BackupsPart.At.IsZero() {
		a.Backups = []backupJSON{}
		for _, b := range s.Backups {
			a.Backups = append(a.Backups, toBackup(b))
		}
	}
	if !s.JobsPart.At.IsZero() {
		a.Jobs = []jobJSON{}
		for _, j := range s.Jobs {
			a.Jobs = append(a.Jobs, toJob(j.Job))
		}
	}
	return a
}

// outcome is the stable word of a phase.
func outcome(p appliance.Phase) string {
	switch p {
	case appliance.PhasePending:
		return "pending"
	case appliance.PhaseRunning:
		return "running"
	case appliance.PhaseSucceeded:
		return "succeeded"
	case appliance.PhaseProblem:
		return "problem"
	default:
		return "unknown"
	}
}

// moment is a time for JSON: RFC 3339 in UTC to the second, null when unknown.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
