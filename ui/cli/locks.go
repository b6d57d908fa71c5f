package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/appliance"
	"holdfast/appliance/config"
	"holdfast/appliance/fleet"
	"holdfast/appliance/journal"
	"holdfast/appliance/lease"
	"holdfast/ui/widget"
)

func locksCommand(env *Env, f *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "locks",
		Short: "List, take, extend and give back locks, or hold one while a command runs",
		Args:  group,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exit(ExitUsage, errors.New("locks: say which: list, acquire, extend, release or hold"))
		},
	}
	cmd.AddCommand(locksListCommand(env, f), locksAcquireCommand(env, f), locksExtendCommand(env, f), locksReleaseCommand(env, f),
		locksHoldCommand(env, f))
	return cmd
}

func locksListCommand(env *Env, f *flags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [APPLIANCE]",
		Short: "Look once and print every lock, whose it is and how long it lasts at least",
		Args:  wants(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := load(env, *f)
			if err == nil && len(args) == 1 {
				c, err = only(c, args[0])
			}
			if err != nil {
				return err
			}
			return locksList(cmd.Context(), env, c, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON lines")
	return cmd
}

// only is the configuration with one appliance left; none of that name is wrong usage.
func only(c *config.Config, name string) (*config.Config, error) {
	var names []string
	for _, a := range c.Appliances {
		if a.Name == name {
			one := *c
			one.Appliances = []config.Appliance{a}
			return &one, nil
		}
		names = append(names, a.Name)
	}
	return nil, exit(ExitUsage, fmt.Errorf("there is no appliance named %q in %s: there are %s", name, c.Path, strings.Join(names, ", ")))
}

// listedJSON is a line of `locks list --json` and what acquire, extend and release print. It is documented in the README and
// only ever grows.
type listedJSON struct {
	Appliance string     `json:"appliance"`
	ID        string     `json:"id,omitempty"`
	Scope     string     `json:"scope"`
	Holder    string     `json:"holder"`
	By        string     `json:"by,omitempty"`      // who of ours
	Purpose   string     `json:"purpose,omitempty"` // what for, when ours
	State     string     `json:"state"`             // held, expiring, gone or unknown
	Ends      *time.Time `json:"ends,omitempty"`    // earliest end, by our clock
	Kept      bool       `json:"kept,omitempty"`
	Owed      bool       `json:"release_pending,omitempty"`
	Note      string     `json:"note,omitempty"`
}

func toListed(l fleet.Lock, now appliance.Reading) listedJSON {
	state, _ := l.Term.At(now)
	x := listedJSON{
		Appliance: l.Appliance, ID: string(l.ID), Scope: l.Scope.Code, Holder: holder(l), By: l.By, Purpose: l.Purpose,
		State: state.String(), Kept: l.Kept, Owed: l.Owed, Note: l.Note,
	}
	if l.Term.Known {
		x.Ends = moment(l.Term.EndsWall)
	}
	return x
}

// left is how long a lock lasts at least.
func (x listedJSON) left(now appliance.Reading) string {
	if x.Ends == nil || x.State == lease.Gone.String() {
		return "unknown"
	}
	return widget.Left(max(0, x.Ends.Sub(now.Wall)))
}

func locksList(ctx context.Context, env *Env, c *config.Config, asJSON bool) error {
	r, err := assemble(ctx, env, c, looking())
	if err != nil {
		return err
	}
	defer r.close()
	if err := settled(ctx, r.engine); err != nil {
		return exit(ExitFailed, err)
	}
	known := r.remembered(ctx, env)
	var rows []listedJSON
	silent, now := 0, env.Clock.Now()
	for _, s := range r.engine.Snapshots() {
		if !s.State.Answers() {
			silent++
			fmt.Fprintf(env.Err, "holdfast: %s: %s\n", s.Name, s.Trouble)
		}
		for _, l := range s.Locks {
			rows = append(rows, known.listed(l, now))
		}
	}
	if err := writeLocks(env, rows, asJSON, now); err != nil {
		return exit(ExitFailed, fmt.Errorf("print the locks: %w", err))
	}
	if silent > 0 {
		return exit(ExitUnreachable, fmt.Errorf("%d of %d appliances did not answer, or could not be asked", silent, len(c.Appliances)))
	}
	return nil
}

// holding is a lock of ours as the journal knows it.
type holding struct {
	fleet.Holding
	lives bool // the engine that has it runs
}

// memory is what the journal has of locks.
type memory struct {
	ours  []holding      // the locks of ours, those of engines that run first and of these the newest
	asked []fleet.Record // what was asked for of which nobody knows yet what became of it
}

// listed is a lock with what the journal knows of it.
func (m memory) listed(l fleet.Lock, now appliance.Reading) listedJSON {
	return withHolding(withAsked(toListed(l, now), l.Lock, m.asked), m.ours, now)
}

// remembered is what the journal has; that it cannot be read is said.
func (r *run) remembered(ctx context.Context, env *Env) memory {
	j, err := journal.Open(ctx, journalPath(r.config), journal.Options{Clock: env.Clock})
	var all []fleet.Holding
	var asked []fleet.Record
	if err == nil {
		defer func() { _ = j.Close() }()           // it was only read
		if asked, err = j.Asked(ctx); err == nil { // before the holdings, so that what ends meanwhile is among these
			all, err = j.Holdings(ctx)
		}
		for _, n := range j.Notices() {
			fmt.Fprintln(env.Err, "holdfast: "+n)
		}
	}
	if err != nil {
		fmt.Fprintln(env.Err, "holdfast: which locks are yours could not be read: "+words(err))
		return memory{}
	}
	var living, left []holding
	for _, h := range slices.Backward(all) {
		if j.Runs(h.Engine) {
			living = append(living, holding{h, true})
		} else {
			left = append(left, holding{h, false})
		}
	}
	return memory{append(living, left...), asked}
}

// withAsked leaves open whose a lock is that may have come of a request of ours (faults.md I1).
func withAsked(x listedJSON, l appliance.Lock, asked []fleet.Record) listedJSON {
	i := slices.IndexFunc(asked, func(in fleet.Record) bool { return in.Appliance == x.Appliance && in.MayBe(l) })
	if i < 0 || x.Holder != string(appliance.HolderAnother) {
		return x
	}
	x.Holder = string(appliance.HolderUnknown)
	x.Note = fmt.Sprintf("it may be what %s asked for at %s: that is not known yet", asked[i].Who, asked[i].At.Wall.UTC().Format("15:04:05 UTC"))
	return x
}

// withHolding adds what the journal knows of a lock. Of an exclusive one only where the appliance itself does not say whose it is:
// it is right (faults.md JNL-11). How long that one lasts follows from when it was taken while the process that took it runs; if
// that has ended, nobody has looked since whether it is still there, nor does anybody keep it.
func withHolding(x listedJSON, ours []holding, now appliance.Reading) listedJSON {
	i := slices.IndexFunc(ours, func(h holding) bool {
		return h.Appliance == x.Appliance && string(h.Lock) == x.ID && h.State != fleet.HoldingLost
	})
	if i < 0 {
		return x
	}
	h := ours[i]
	if h.Exclusive {
		end := h.Sent.Add(h.TTL)
		switch {
		case !now.Wall.Before(end), x.Holder != string(appliance.HolderUnknown):
			return x
		case h.lives:
			x.Ends, x.State = moment(end), lease.Held.String()
			x.Note = "as the journal says: the appliance does not tell"
		default:
			x.Note = "of a run that has ended; until " + endsAt(end, now.Wall) + " at the latest"
		}
	}
	x.Holder, x.By, x.Purpose, x.Kept, x.Owed = string(appliance.HolderYou), h.Who, h.Purpose, h.Kept && h.lives, h.State == fleet.HoldingOwed
	return x
}

func writeLocks(env *Env, rows []listedJSON, asJSON bool, now appliance.Reading) error {
	if asJSON {
		out := json.NewEncoder(env.Out)
		out.SetEscapeHTML(false)
		for _, x := range rows {
			if err := out.Encode(x); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(env.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "APPLIANCE\tSCOPE\tHOLDER\tLEFT AT LEAST\tLOCK\tNOTE")
	for _, x := range rows {
		who := x.Holder
		if x.By != "" {
			who += " (" + x.By + ")"
		}
		var notes []string
		for _, n := range []struct {
			is   bool
			text string
		}{{x.Kept, "kept"}, {x.Owed, "release pending"}, {x.Purpose != "", x.Purpose}, {x.Note != "", x.Note}} {
			if n.is {
				notes = append(notes, n.text)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Appliance, x.Scope, who, x.left(now), x.ID, strings.Join(notes, ", "))
	}
	return w.Flush()
}
