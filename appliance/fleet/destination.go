package fleet

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/dustin/go-humanize"

	"holdfast/appliance"
	"holdfast/appliance/transport"
)

// Destinations are the places that a backup could be copied, moved or pushed to, in the order in which to offer them. What
// cannot work is among them, with the reason. Others may be typed.
func (e *Engine) Destinations(name string, b appliance.Backup, verb appliance.Verb) []Destination {
	w := e.byName[name]
	if w == nil {
		return nil
	}
	if verb == appliance.VerbPush {
		return e.targets(w, b)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	places := append([]appliance.Location{appliance.Internal}, w.m.MountPoints...)
	var seen []appliance.Location
	for _, x := range w.stock.Backups {
		for _, l := range x.Locations {
			if !slices.Contains(places, l) && !slices.Contains(seen, l) {
				seen = append(seen, l)
			}
		}
	}
	slices.Sort(seen)
	var list []Destination
	for _, l := range append(places, seen...) {
		d := Destination{Value: string(l), Label: appliance.Label(string(l)).String(), WhyNot: w.whyNotTo(b, verb, string(l))}
		if !slices.ContainsFunc(list, func(x Destination) bool { return x.Value == d.Value }) {
			list = append(list, d)
		}
	}
	return list
}

// targets are the other appliances that a push could go to: those that can be pushed from are of the kind that can be
// pushed to. Whether one is newly set up, as a push wants, nobody tells (api/lxca.md 3.4); those without any backup are the
// likeliest and come first.
func (e *Engine) targets(w *watcher, b appliance.Backup) []Destination {
	var likely, list []Destination
	for _, t := range e.watchers {
		if t == w || w.transferrer == nil || t.m.Kind != w.m.Kind {
			continue
		}
		d := Destination{Value: t.m.Address, Label: t.name}
		if t.m.Address == "" {
			d.WhyNot = "its settings name no address"
		} else {
			d.Label = fmt.Sprintf("%s (%s)", t.name, t.m.Address)
			w.mu.Lock()
			d.WhyNot = w.whyNotTo(b, appliance.VerbPush, t.m.Address)
			w.mu.Unlock()
		}
		s := t.snap.Load()
		switch {
		case !s.State.Answers():
			d.Note = "does not answer now (" + s.State.String() + ")"
		case !s.BackupsPart.At.IsZero() && len(s.Backups) == 0:
			d.Note = "has no backup yet"
			likely = append(likely, d)
			continue
		case !s.BackupsPart.At.IsZero():
			d.Note = fmt.Sprintf("is in use: it has %s", counted(len(s.Backups)))
		}
		list = append(list, d)
	}
	return append(likely, list...)
}

func counted(backups int) string {
	if backups == 1 {
		return "1 backup"
	}
	return fmt.Sprintf("%d backups", backups)
}

// SameAddress reports whether two addresses of a push name the same host and port, however they are written: upper or lower
// case, with or without the dot at the end of a name, the brackets of an IPv6 address, and the port that HTTPS has anyway. What
// cannot be an address is only like itself. It asks no name server.
func SameAddress(a, b string) bool { return a != "" && b != "" && canonical(a) == canonical(b) }

// canonical is the one form of an address (faults.md NET-13), or the address itself where there is none.
func canonical(address string) string {
	host := address
	if ip, err := netip.ParseAddr(address); err == nil && ip.Is6() {
		host = "[" + address + "]"
	}
	_, key, err := transport.Canonical("https://" + host)
	if err != nil {
		return address
	}
	return key
}

// whyNotTo is why a transfer of the backup to that place cannot work. The caller holds w.mu.
func (w *watcher) whyNotTo(b appliance.Backup, verb appliance.Verb, to string) string {
	if verb == appliance.VerbPush {
		switch {
		case len(b.Locations) == 0:
			return "the backup lies nowhere that is known"
		case SameAddress(to, w.m.Address):
			return "that is this appliance itself"
		}
		return ""
	}
	place, ok := appliance.ParseLocation(to)
	internal := place == appliance.Internal
	if verb == appliance.VerbDelete {
		if to != string(appliance.Everywhere) && !b.At(place) {
			return "it does not lie there"
		}
		return ""
	}
	switch {
	case !ok:
		return "a destination is internal or the absolute path of a mount point"
	case verb == appliance.VerbMove && internal:
		return "moving to internal is not described by the vendor; copy it, then delete the original"
	case verb == appliance.VerbMove && !b.At(appliance.Internal):
		return "only a backup that lies in internal can be moved"
	case b.At(place):
		return "it lies there already"
	case internal:
		return w.whyNoRoom(b.Size)
	case verb == appliance.VerbCopy && !b.At(appliance.Internal):
		return "only internal can be copied from to a share; copy it to internal first"
	}
	return ""
}

// whyNoRoom compares with the repository's space, as far as both are known.
func (w *watcher) whyNoRoom(size int64) string {
	s := w.s.Space
	if size <= 0 || s.Total <= 0 || s.Used < 0 || s.Stamp.Sent.IsZero() {
		return ""
	}
	if free := max(0, s.Total-s.Used); size > free {
		return fmt.Sprintf("not enough space: %s needed, %s free", humanize.Bytes(uint64(size)), humanize.Bytes(uint64(free)))
	}
	return ""
}
