package app

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/ui/pane/jobs"
	"holdfast/ui/pane/locks"
	"holdfast/ui/widget"
	"holdfast/ui/widget/dialog"
)

// target is one act on one appliance.
type target struct {
	name string
	act  appliance.Act
}

// actsMsg is what a dialog was confirmed for.
type actsMsg []target

// at is the appliance that a key means: that of the row under the cursor, else the chosen one.
func (m *Model) at() string {
	if m.focus <= paneJobs || m.focus == paneTimeline {
		if name := m.panes[m.focus].Appliance(); name != "" {
			return name
		}
	}
	return m.chosen
}

// calls is the requests that targets will send.
func (m *Model) calls(targets []target) []appliance.Call {
	var calls []appliance.Call
	for _, t := range targets {
		calls = append(calls, m.engine.Explain(t.name, t.act)...)
	}
	return calls
}

// locate is the requests that ask for the row under the cursor, or that are it.
func (m *Model) locate() []appliance.Call {
	switch m.focus {
	case paneAppliances:
		return m.engine.Locate(m.at(), appliance.PartHealth, "")
	case paneLocks:
		if r, ok := m.locks.Row(); ok {
			return m.engine.Locate(r.Lock.Appliance, appliance.PartLocks, string(r.ID))
		}
	case paneTimeline:
		if r, ok := m.timeline.Row(); ok {
			return m.engine.Locate(r.Appliance, appliance.PartLocks, string(r.ID()))
		}
	case paneBackups:
		return m.engine.Locate(m.at(), appliance.PartBackups, "")
	case paneJobs:
		if r, ok := m.jobs.Row(); ok {
			if r.Root != nil { // a part has no address of its own
				r.Job = r.Root
			}
			return m.engine.Locate(r.Job.Appliance, appliance.PartJobs, string(r.ID))
		}
	case paneRequests:
		if x, ok := m.requests.Row(); ok {
			if call, ok := x.Call(); ok {
				return []appliance.Call{call}
			}
		}
	}
	return nil
}

func (m *Model) acquireDialog(opener string) *dialog.Dialog {
	name := m.at()
	rules := m.engine.LockRules(name)
	spec := dialog.Spec{Title: "Acquire a lock on " + name, Opener: opener, Verb: "acquire"}
	scope := ""
	if len(rules.Scopes) == 1 {
		scope = rules.Scopes[0].Code
		spec.Intro = []string{"The configuration lock is exclusive: nobody else can change the configuration while you hold it. " +
			"It lasts " + widget.Span(rules.DefaultTTL) + " unless it is extended."}
		spec.Risk = func(dialog.Values) policy.Risk { return policy.RiskAsk }
	} else {
		spec.Intro = []string{"The SFTP service runs while at least one lock exists. Others may hold locks beside yours. Up to a tenth, " +
			"96 s at most, is added to the time, so that yours can be told from theirs."}
		for _, s := range rules.Scopes {
			spec.Options = append(spec.Options, dialog.Option{Value: s.Code, Label: s.String()})
		}
	}
	if rules.ChooseTTL {
		spec.Span = &dialog.Span{Label: "for", Start: rules.DefaultTTL, Min: rules.MinTTL, Max: rules.MaxTTL}
	}
	mark := m.mark()
	make := func(v dialog.Values) []target {
		claim := appliance.Claim{Scope: scope, TTL: fleet.Mark(v.Span, rules.MaxTTL, mark)}
		if scope == "" {
			claim.Scope = v.Choice
		}
		return []target{{name, appliance.Act{Verb: appliance.VerbAcquire, Claim: claim}}}
	}
	return m.finish(spec, make)
}

// even is a time without the odd seconds that were added to it, as near as can be told.
func even(ttl time.Duration) time.Duration { return ttl.Truncate(roundness(ttl)) }

// roundness is the step in which people say a time.
func roundness(d time.Duration) time.Duration {
	if d >= 10*time.Minute {
		return 5 * time.Minute
	}
	return time.Minute
}

// extension asks how long from now a lock is to last that has this much left: what it was taken for, or the next round time
// that keeps it longer than it would last anyway.
func extension(rules appliance.LockRules, ttl, left time.Duration) *dialog.Span {
	s := &dialog.Span{Label: "from now for", Start: even(ttl), Min: rules.MinTTL, Max: rules.MaxTTL, Why: "would end it earlier than now"}
	if s.Start < rules.MinTTL || s.Start > rules.MaxTTL {
		s.Start = rules.DefaultTTL
	}
	if left > 0 {
		s.Floor = min(left.Truncate(time.Minute)+time.Minute, rules.MaxTTL)
	}
	if s.Start < s.Floor {
		step := roundness(s.Floor)
		s.Start = min((s.Floor + step - 1).Truncate(step), rules.MaxTTL)
	}
	return s
}

// mark is the share of a lock's time that is asked for on top of what was typed, 0 to 1 of what fleet.Mark allows: by its odd
// end a lock is known again in a list should the answer be lost (faults.md LCK-02).
func (m *Model) mark() float64 {
	if m.opts.Mark != nil {
		return m.opts.Mark()
	}
	return rand.Float64()
}

// finish makes the dialog show and return what make makes of the values.
func (m *Model) finish(spec dialog.Spec, make func(dialog.Values) []target) *dialog.Dialog {
	spec.Calls = func(v dialog.Values) []appliance.Call { return m.calls(make(v)) }
	spec.Action = func(v dialog.Values) any { return actsMsg(make(v)) }
	return dialog.New(spec)
}

func (m *Model) extendDialog(opener string) *dialog.Dialog {
	rows := m.locks.Chosen()
	spec := dialog.Spec{Title: "Extend " + lockNames(rows), Opener: opener, Verb: "extend", Keys: lockKeys(rows)}
	rules := m.engine.LockRules(rows[0].Lock.Appliance)
	spec.Intro = []string{"A new lock is taken, seen in the list, and only then the old one is released."}
	if rules.ChooseTTL {
		left, now := time.Duration(0), m.frame().Now
		for _, r := range rows {
			_, l := r.Term.At(now)
			left = max(left, l)
		}
		spec.Span = extension(rules, rows[0].TTL, left)
	} else {
		spec.Intro = []string{"The token that owns the lock is renewed, which makes it last another " + widget.Span(rules.DefaultTTL) + "."}
		spec.Risk = func(dialog.Values) policy.Risk { return policy.RiskAsk }
	}
	mark := m.mark()
	return m.finish(spec, func(v dialog.Values) []target {
		var targets []target
		for _, r := range rows {
			targets = append(targets, target{r.Lock.Appliance, appliance.Act{Verb: appliance.VerbExtend, Lock: r.Lock.Lock,
				Claim: appliance.Claim{Scope: r.Scope.Code, TTL: fleet.Mark(v.Span, rules.MaxTTL, mark)}}})
		}
		return targets
	})
}

func (m *Model) releaseDialog(opener string) *dialog.Dialog {
	rows := m.locks.Chosen()
	ours, names := true, []string{}
	for _, r := range rows {
		if !r.Mine {
			ours = false
			names = append(names, r.Scope.String()+" on "+r.Lock.Appliance)
		}
	}
	spec := dialog.Spec{Title: "Release " + lockNames(rows), Opener: opener, Verb: "release", Keys: lockKeys(rows),
		Code: m.code(len(rows))}
	if rows[0].Exclusive {
		spec.Intro = []string{"Others can then change the configuration. What becomes of edits that were not saved, the vendor does not say."}
	} else {
		spec.Intro = []string{"When the last lock of an appliance goes, its SFTP service stops."}
	}
	if !ours {
		spec.Intro = []string{"Not yours: " + strings.Join(names, ", ") + ". Whoever took it may still need it; when the last lock " +
			"of an appliance goes, its SFTP service stops."}
	}
	spec.Risk = func(dialog.Values) policy.Risk { return policy.RiskOf(appliance.VerbRelease, ours) }
	return m.finish(spec, func(v dialog.Values) []target {
		var targets []target
		for _, r := range rows {
			targets = append(targets, target{r.Lock.Appliance, appliance.Act{Verb: appliance.VerbRelease, Lock: r.Lock.Lock,
				Typed: v.Typed}})
		}
		return targets
	})
}

// code is what a dangerous dialog wants typed: four characters, for many rows their count (faults.md DAT-10).
func (m *Model) code(rows int) string {
	if rows > 1 {
		return fmt.Sprint(rows)
	}
	return m.opts.Code()
}

func lockKeys(rows []locks.Row) []string {
	keys := make([]string, len(rows))
	for i, r := range rows {
		keys[i] = r.Lock.Key()
	}
	return keys
}

func lockNames(rows []locks.Row) string {
	if len(rows) == 1 {
		return rows[0].Scope.String() + " on " + rows[0].Lock.Appliance
	}
	return fmt.Sprintf("%d locks", len(rows))
}

// cancelDialog offers to cancel the job, or the push that runs: a push is cancelled without its job's id, so that stops
// whichever runs (faults.md JOB-06).
func (m *Model) cancelDialog(opener string) *dialog.Dialog {
	r, _ := m.jobs.Row()
	name := r.Job.Appliance
	s := m.snapshot(name)
	ours := s != nil && s.Push.Ours && s.Push.Job == r.ID
	const job, push = "job", "push"
	spec := dialog.Spec{Title: "Cancel " + jobs.What(r) + " on " + name, Opener: opener, Verb: "cancel", Code: m.opts.Code(),
		Keys: []string{r.Job.Key()}, Word: "what"}
	spec.Over = func() string {
		s := m.snapshot(name)
		if s == nil {
			return ""
		}
		for i := range s.Jobs {
			if j := &s.Jobs[i]; j.ID == r.ID && j.Phase.Ended() {
				return "The job has ended: " + j.State.String() + "."
			}
		}
		return ""
	}
	isPush := r.Transfer != nil && r.Transfer.Verb == appliance.VerbPush
	thePush := dialog.Option{Value: push, Label: "the push that runs on " + name}
	theJob := dialog.Option{Value: job, Label: fmt.Sprintf("job %s", r.ID)}
	if !r.Cancellable {
		theJob.Note = "the appliance does not say that it can be"
	}
	switch {
	case isPush:
		spec.Options = []dialog.Option{thePush}
	case s != nil && s.Can.Transfer && !r.Mine:
		spec.Options = []dialog.Option{theJob, thePush}
	default:
		spec.Options = []dialog.Option{theJob}
	}
	spec.Risk = func(v dialog.Values) policy.Risk {
		if v.Choice == push {
			return policy.RiskOf(appliance.VerbCancelPush, ours)
		}
		return policy.RiskOf(appliance.VerbCancelJob, r.Mine)
	}
	spec.Warn = func(v dialog.Values) string {
		if v.Choice == push && !ours {
			return "This stops whichever push runs there, even one that somebody else started."
		}
		return ""
	}
	return m.finish(spec, func(v dialog.Values) []target {
		if v.Choice == push {
			return []target{{name, appliance.Act{Verb: appliance.VerbCancelPush, Job: r.ID, Typed: v.Typed}}}
		}
		return []target{{name, appliance.Act{Verb: appliance.VerbCancelJob, Job: r.ID, Typed: v.Typed}}}
	})
}

// quitMsg is how an operator who holds locks wants to leave.
type quitMsg struct{ release bool }

// askToQuit leaves at once when nothing of ours is held; else asks what becomes of the locks (faults.md LCK-11).
func (m *Model) askToQuit(opener string) tea.Cmd {
	held, running := m.held(), m.leavingMigrations()
	if len(held) == 0 && len(running) == 0 {
		return tea.Quit
	}
	if len(held) == 0 {
		m.dialog = dialog.New(dialog.Spec{
			Title: "Quit", Opener: opener, Verb: "quit", Intro: running, Risk: func(dialog.Values) policy.Risk { return policy.RiskAsk },
			Action: func(dialog.Values) any { return quitMsg{} },
		})
		return nil
	}
	leave, release := "leave them to their ends", "release them first"
	if len(held) == 1 {
		leave, release = "leave it to its end", "release it first"
	}
	m.dialog = dialog.New(dialog.Spec{
		Title: "Quit", Opener: opener, Verb: "quit",
		Intro:   append([]string{fmt.Sprintf("You hold %s.", plural(len(held), "lock", "locks"))}, append(m.named(held), running...)...),
		Options: []dialog.Option{{Value: "leave", Label: leave}, {Value: "release", Label: release}},
		Action:  func(v dialog.Values) any { return quitMsg{v.Choice == "release"} },
	})
	return nil
}

// named names locks, as many as a low screen has room for, and says that those which are kept will not be any longer.
func (m *Model) named(held []target) []string {
	const most = 4
	var lines []string
	for i, t := range held {
		if i == most {
			lines = append(lines, fmt.Sprintf("  and %d more", len(held)-most))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s on %s", t.act.Lock.Scope, t.name))
	}
	kept := 0
	for _, s := range m.snapshots {
		for _, l := range s.Locks {
			if l.Mine && l.Kept {
				kept++
			}
		}
	}
	switch {
	case kept > 0 && len(held) == 1:
		lines = append(lines, "It is kept now; nothing will extend it when you have left.")
	case kept > 0:
		lines = append(lines, plural(kept, "is", "are")+" kept now; nothing will extend what is left to its end.")
	}
	return lines
}

func (m *Model) quit(msg quitMsg) tea.Cmd {
	held := m.held()
	if !msg.release || len(held) == 0 { // what is left to its expiry is not to be kept by the next run
		engine, ctx := m.engine, m.opts.Context
		return tea.Sequence(func() tea.Msg { _ = engine.Unkeep(ctx); return nil }, tea.Quit)
	}
	m.leaving = awaiting(held)
	return tea.Batch(m.do(held), m.say("releasing "+plural(len(held), "lock", "locks"), false))
}

// held is the release of every lock of ours.
func (m *Model) held() []target {
	var held []target
	now := m.frame().Now
	for _, s := range m.snapshots {
		for _, l := range s.Locks {
			if _, left := l.Term.At(now); l.Mine && (left > time.Second || l.Unproven) {
				held = append(held, target{s.Name, appliance.Act{Verb: appliance.VerbRelease, Lock: l.Lock}})
			}
		}
	}
	return held
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
