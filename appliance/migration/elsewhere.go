package migration

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// lookAround is how often it is looked what migrations others carry on, and what they left: as often as the fleet looks what others
// hold.
const lookAround = 5 * time.Second

// lately is how long a migration of others is shown after its end.
const lately = 15 * time.Minute

// lookAtOthers takes over what runs that ended left, as far as this run may carry it on, and shows what others have. The error tells
// that something could not be taken over yet.
func (r *Runner) lookAtOthers(ctx context.Context) error {
	others, err := r.store.OtherMigrations(ctx, r.fleet.Clock().Now().Wall.Add(-lately))
	if err != nil {
		r.board.othersUnread(appliance.Reason(err))
		return fmt.Errorf("read the migrations of other runs: %w", err)
	}
	var ids []string
	var views, heritage []View
	for i := range others {
		o := &others[i]
		why := r.whyNotCarry(&o.Plan)
		if !o.Runs && !o.State.Ended() && why == "" {
			ids, heritage = append(ids, o.ID), append(heritage, o.view(why))
			continue
		}
		views = append(views, o.view(why))
	}
	if len(ids) > 0 { // none would mean all
		err = r.adopt(ctx, ids...)
	}
	if err != nil { // they are on the list of this run, or still on that of the others
		for _, v := range heritage {
			v.Elsewhere = "the run that had it ended, and it could not be taken over yet: " + appliance.Reason(err)
			views = append(views, v)
		}
	}
	r.board.setOthers(views)
	return err
}

// neighbours takes over what others leave while this one runs, and shows what they have.
func (r *Runner) neighbours() {
	tick := time.NewTicker(lookAround)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.lookAtOthers(r.ctx); err != nil && r.ctx.Err() == nil {
			r.log.Warn("migration: look at what others have", "err", err)
		}
	}
}

// whyNotCarry is why this run may not carry out such a plan by itself, in the name of whom it belongs to; empty = may. Who takes a
// migration over and may do nothing at its appliances would only keep it from those who may.
func (r *Runner) whyNotCarry(plan *Plan) string {
	verbs := []appliance.Verb{plan.Verb}
	if plan.Careful {
		verbs = append(verbs, appliance.VerbDelete)
	}
	for _, verb := range verbs {
		if why := r.whyNot(r.heir, verb); why != "" {
			return why
		}
	}
	names := plan.Appliances()
	if plan.Process {
		names = append(names, plan.Target)
	}
	for _, name := range names {
		if !slices.Contains(r.fleet.Names(), name) {
			return fmt.Sprintf("%s is none of the appliances in the settings", appliance.Label(name))
		}
		s := r.fleet.Snapshot(name)
		if s == nil {
			continue
		}
		if why := policy.WhyNot(r.heir, policy.Rules{ReadOnlyAppliance: s.ReadOnly}, plan.Verb); why != "" {
			return name + ": " + why
		}
	}
	return ""
}

// view is how a migration of another engine is shown. Nothing is begun in one whose engine runs no more.
func (o *Other) view(why string) View {
	v := View{Record: o.Record, Elsewhere: "another run carries it on"}
	switch {
	case o.State.Ended():
		v.Elsewhere = "another run carried it out"
	case !o.Runs:
		v.Elsewhere = "the run that had it ended, and this one leaves it to others: " + why
		if v.State == StateRunning {
			v.State = StatePaused
		}
	}
	return v
}

// setOthers shows the migrations of others, oldest first.
func (b *board) setOthers(views []View) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if reflect.DeepEqual(b.others, views) {
		return
	}
	b.others = views
	b.news()
}

// othersUnread says of the migrations of others that nobody knows how they stand now.
func (b *board) othersUnread(why string) {
	b.mu.Lock()
	views := slices.Clone(b.others)
	b.mu.Unlock()
	for i := range views {
		if !views[i].State.Ended() {
			views[i].Elsewhere = "this is how it stood, and how it stands now could not be read: " + why
		}
	}
	b.setOthers(views)
}

// Board are the Views and the migrations of others that have not ended or ended lately, newest first.
func (r *Runner) Board() []View {
	r.board.mu.Lock()
	defer r.board.mu.Unlock()
	all := slices.Clone(r.board.views)
	for _, v := range r.board.others {
		if !slices.ContainsFunc(r.board.views, func(x View) bool { return x.ID == v.ID }) { // it has just been taken over
			all = append(all, v)
		}
	}
	slices.SortStableFunc(all, func(a, b View) int { return b.Begun.Compare(a.Begun) })
	return all
}
