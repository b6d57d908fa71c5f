package app

import (
	"errors"
	"fmt"
	"strings"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
	"holdfast/appliance/policy"
	"holdfast/ui/pane/backups"
	"holdfast/ui/widget"
	"holdfast/ui/widget/dialog"
)

// errNoDestination is what a typed destination that cannot be one is answered with.
var errNoDestination = errors.New("type a mount point like /mnt/share, or choose one")

func (m *Model) transferDialog(verb appliance.Verb, opener string) *dialog.Dialog {
	rows := m.backups.Chosen()
	name := rows[0].Appliance
	spec := dialog.Spec{Opener: opener, Verb: string(verb), Code: m.code(len(rows)),
		Title: fmt.Sprintf("%s %s", capital(string(verb)), backupNames(rows))}
	var names []string
	for _, b := range rows {
		names = append(names, backups.Name(b))
		spec.Keys = append(spec.Keys, b.Key())
		if len(rows) <= 4 {
			spec.Intro = append(spec.Intro, fmt.Sprintf("%s  %s  checksum %s", b.ID, widget.Size(b.Size), short(b.Checksum.String())))
		}
	}
	spec.What = strings.Join(names, ", ")
	places := m.destinations(name, rows, verb)
	for _, d := range places {
		spec.Options = append(spec.Options, dialog.Option{Value: d.Value, Label: d.Label, Note: d.Note, WhyNot: d.WhyNot,
			Wary: verb == appliance.VerbPush && !m.fresh(d.Value)})
	}
	to := func(choice string) string { return choice }
	spec.Typed, spec.Check = "a mount point", m.checkTyped(name, rows, verb, checkMount)
	spec.Warn = func(dialog.Values) string { return warnings[verb] }
	if verb == appliance.VerbPush {
		to = func(choice string) string { return known(places, choice).Value }
		own := m.snapshot(name).Address
		spec.Typed = "an address"
		spec.Check = m.checkTyped(name, rows, verb, func(s string) error { return checkAddress(places, own, s) })
		spec.Warn = func(v dialog.Values) string { return warnings[verb] + "\n" + told(known(places, v.Choice)) }
	}
	spec.Risk = func(dialog.Values) policy.Risk { return policy.RiskOf(verb, true) }
	return m.finish(spec, func(v dialog.Values) []target {
		var targets []target
		for _, b := range rows {
			targets = append(targets, target{b.Appliance, appliance.Act{Verb: verb, Transfer: transferOf(verb, b, to(v.Choice))}})
		}
		return targets
	})
}

// fresh reports whether the appliance at an address has just told that it has no backup, as one that is newly set up does.
func (m *Model) fresh(address string) bool {
	now := m.frame().Now
	for _, s := range m.snapshots {
		if s.Address == address {
			p := s.BackupsPart
			return s.State.Answers() && !p.At.IsZero() && !p.Stale(now) && p.Err == "" && len(s.Backups) == 0
		}
	}
	return false
}

// known is the target at a typed address, which may be written in another way than its settings do; a target without a label
// when it is none of ours.
func known(places []fleet.Destination, address string) fleet.Destination {
	for _, d := range places {
		if fleet.SameAddress(d.Value, address) {
			return d
		}
	}
	return fleet.Destination{Value: address}
}

// told is what the operator should know of a push's target before it is confirmed.
func told(d fleet.Destination) string {
	switch {
	case d.Label == "":
		return "None of your appliances has this address: the arrival cannot be watched."
	case d.Note == "":
		return d.Label + ": its backups have not been listed yet."
	default:
		return d.Label + ": " + d.Note + "."
	}
}

// warnings tells what an act cannot take back.
var warnings = map[appliance.Verb]string{
	appliance.VerbMove: "The original is deleted once it has been copied. There is no way to move it back.",
	appliance.VerbPush: "The target should be newly set up. What the backup replaces there cannot be brought back.",
}

// destinations is where all of the rows could go: what stands in the way of one stands in the way of all.
func (m *Model) destinations(name string, rows []backups.Row, verb appliance.Verb) []fleet.Destination {
	all := m.engine.Destinations(name, rows[0].Backup, verb)
	for _, b := range rows[1:] {
		for i, d := range m.engine.Destinations(name, b.Backup, verb) {
			if i < len(all) && all[i].WhyNot == "" {
				all[i].WhyNot = d.WhyNot
			}
		}
	}
	return all
}

// checkTyped makes the check of a typed destination: it must be one, and possible for each of the rows.
func (m *Model) checkTyped(name string, rows []backups.Row, verb appliance.Verb, form func(string) error) func(string) error {
	return func(s string) error {
		if err := form(s); err != nil {
			return err
		}
		for _, b := range rows {
			act := appliance.Act{Verb: verb, Transfer: transferOf(verb, b, s)}
			if why := m.engine.WhyNot(m.opts.Person, name, act); why != "" {
				return fmt.Errorf("%s: %s", backups.Name(b), why)
			}
		}
		return nil
	}
}

func transferOf(verb appliance.Verb, b backups.Row, to string) appliance.Transfer {
	return appliance.Transfer{Verb: verb, Backup: b.ID, Label: b.Label, Checksum: b.Checksum, Destination: to}
}

func checkMount(s string) error {
	if _, ok := appliance.ParseLocation(s); !ok {
		return errNoDestination
	}
	return nil
}

// checkAddress refuses what cannot be an address, what is the pushing appliance's own, and one of ours that cannot be pushed to.
func checkAddress(places []fleet.Destination, own, s string) error {
	switch d := known(places, s); {
	case fleet.SameAddress(own, s):
		return errors.New("that is this appliance itself")
	case d.WhyNot != "":
		return fmt.Errorf("%s: %s", d.Label, d.WhyNot)
	case d.Label != "":
		return nil
	}
	if strings.IndexFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_", r)
	}) >= 0 {
		return fmt.Errorf("%q is not an address: letters, digits, dots, colons and hyphens only", s)
	}
	return nil
}

func backupNames(rows []backups.Row) string {
	if len(rows) == 1 {
		return backups.Name(rows[0]) + " of " + rows[0].Appliance
	}
	return fmt.Sprintf("%d backups of %s", len(rows), rows[0].Appliance)
}

func short(checksum string) string {
	if checksum == "" {
		return "unknown"
	}
	return widget.Cut(checksum, 12, "…")
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
