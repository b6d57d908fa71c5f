package migration

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"holdfast/appliance"
)

// OnFailure is what to do when a step went wrong.
type OnFailure string

// What to do.
const (
	OnFailureStop OnFailure = "stop" // begin nothing more
	OnFailureSkip OnFailure = "skip" // go on with the others
	OnFailureAsk  OnFailure = "ask"  // begin nothing more until an operator has decided
)

// Limits of a plan.
const (
	MostSteps  = 10_000
	MostAtOnce = 8
)

// Item is one backup of a plan, as the operator saw it when he planned (faults.md JOB-10).
type Item struct {
	Appliance string // it lies there
	Backup    appliance.BackupID
	Label     appliance.Text
	Checksum  appliance.Text // empty = the appliance told none
	Size      int64          // bytes; -1 = unknown
}

// Plan is what an operator wants done, as data.
type Plan struct {
	Made time.Time
	Who  string
	Verb appliance.Verb // VerbCopy, VerbMove or VerbPush
	// Careful makes of a move a copy, its verification, and only then the removal of the original.
	Careful     bool
	Destination string // as the request names it: a location, or the address of a push's target
	Target      string // the name of a push's target, where that is one of ours
	AtOnce      int    // steps at once at one appliance; a push is always one
	OnFailure   OnFailure
	KeepLock    string // scope of the lock that is kept at each appliance meanwhile; empty = none
	Process     bool   // a push: the target is to validate and decrypt what arrived
	Items       []Item
}

// NewPlan is a plan with what is not said otherwise.
func NewPlan(verb appliance.Verb, destination string) Plan {
	return Plan{Verb: verb, Destination: destination, AtOnce: 1, OnFailure: OnFailureAsk}
}

// Appliances are the appliances that the plan takes backups from, in order of their first.
func (p *Plan) Appliances() []string {
	var names []string
	for _, it := range p.Items {
		if !slices.Contains(names, it.Appliance) {
			names = append(names, it.Appliance)
		}
	}
	return names
}

// Bytes is the sum of the sizes, and whether all of them are known.
func (p *Plan) Bytes() (sum int64, all bool) {
	all = true
	for _, it := range p.Items {
		if it.Size < 0 {
			all = false
			continue
		}
		sum += it.Size
	}
	return sum, all
}

// Words names what the plan does, for people: "copy 5 backups of dc1-lxca to /mnt/nas".
func (p *Plan) Words() string {
	what, from := "backups", p.Appliances()
	if len(p.Items) == 1 {
		what = "backup"
	}
	of := fmt.Sprintf("%d appliances", len(from))
	if len(from) == 1 {
		of = from[0]
	}
	to := p.Destination
	if p.Target != "" {
		to = p.Target
	}
	verb := string(p.Verb)
	if p.Careful {
		verb = "carefully move"
	}
	return fmt.Sprintf("%s %d %s of %s to %s", verb, len(p.Items), what, of, appliance.Label(to))
}

// Check tells everything that is wrong with the plan in itself, each with where; nil when it can be run. Errors are ErrPlan.
func (p *Plan) Check() error {
	var wrong []error
	say := func(format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("%w: "+format, append([]any{ErrPlan}, args...)...))
	}
	switch p.Verb {
	case appliance.VerbCopy, appliance.VerbMove:
		if _, ok := appliance.ParseLocation(p.Destination); !ok {
			say("destination %q: a copy or a move goes to internal or to the absolute path of a mount point", p.Destination)
		}
	case appliance.VerbPush:
		if p.Destination == "" {
			say("destination: a push needs the address of its target")
		}
	default:
		say("operation %q: it is copy, move or push", string(p.Verb))
	}
	if p.Careful && p.Verb != appliance.VerbMove {
		say("careful = true goes with a move only")
	}
	if p.Process && p.Verb != appliance.VerbPush {
		say("process = true goes with a push only")
	}
	most := MostAtOnce
	if p.Verb == appliance.VerbPush {
		most = 1
	}
	if p.AtOnce < 1 || p.AtOnce > most {
		say("at_once = %d: it is 1 to %d", p.AtOnce, most)
	}
	if !slices.Contains([]OnFailure{OnFailureStop, OnFailureSkip, OnFailureAsk}, p.OnFailure) {
		say("on_failure %q: it is stop, skip or ask", string(p.OnFailure))
	}
	if len(p.Items) == 0 || len(p.Items) > MostSteps {
		say("%d backups: a plan has 1 to %d", len(p.Items), MostSteps)
	}
	seen := map[[2]string]int{}
	for i, it := range p.Items {
		key := [2]string{it.Appliance, string(it.Backup)}
		if first, twice := seen[key]; twice {
			say("backup %d: %s of %s stands there twice (also %d)", i+1, it.Backup, it.Appliance, first)
		}
		seen[key] = i + 1
		if it.Appliance == "" {
			say("backup %d: its appliance is not named", i+1)
		}
		if _, ok := appliance.ParseUUID(string(it.Backup)); !ok {
			say("backup %d: %q is no uuid", i+1, string(it.Backup))
		}
	}
	return errors.Join(wrong...)
}

// file is a plan as TOML. Its keys are those that the README documents.
type file struct {
	Operation   string     `toml:"operation" comment:"copy, move or push"`
	Careful     bool       `toml:"careful" comment:"a move: copy, verify, and only then delete the original"`
	Destination string     `toml:"destination" comment:"internal, a mount point, or the address of a push's target"`
	Target      string     `toml:"target,omitempty" comment:"the name of a push's target in the settings"`
	AtOnce      int        `toml:"at_once" comment:"steps at once at one appliance; a push is always 1"`
	OnFailure   string     `toml:"on_failure" comment:"stop, skip or ask"`
	KeepLock    string     `toml:"keep_lock,omitempty" comment:"scope of the lock to keep at each appliance meanwhile"`
	Process     bool       `toml:"process" comment:"a push: have the target validate and decrypt what arrived"`
	Made        time.Time  `toml:"made"`
	Who         string     `toml:"who,omitempty"`
	Backups     []fileItem `toml:"backup"`
}

type fileItem struct {
	Appliance string `toml:"appliance"`
	UUID      string `toml:"uuid"`
	Label     string `toml:"label,omitempty"`
	Checksum  string `toml:"checksum,omitempty"`
	Size      *int64 `toml:"size,omitempty"`
}

// TOML writes the plan as a file that ReadPlan reads.
func (p *Plan) TOML() ([]byte, error) {
	f := file{
		Operation: string(p.Verb), Careful: p.Careful, Destination: p.Destination, Target: p.Target, AtOnce: p.AtOnce,
		OnFailure: string(p.OnFailure), KeepLock: p.KeepLock, Process: p.Process, Made: p.Made.UTC().Truncate(time.Second), Who: p.Who,
	}
	for _, it := range p.Items {
		x := fileItem{Appliance: it.Appliance, UUID: string(it.Backup), Label: it.Label.String(), Checksum: it.Checksum.String()}
		if it.Size >= 0 {
			x.Size = &it.Size
		}
		f.Backups = append(f.Backups, x)
	}
	var b bytes.Buffer
	b.WriteString("# A migration plan of Holdfast: check it with `holdfast migrate run FILE --dry-run`.\n\n")
	if err := toml.NewEncoder(&b).SetIndentTables(false).Encode(f); err != nil {
		return nil, fmt.Errorf("write the plan: %w", err)
	}
	return b.Bytes(), nil
}

// ReadPlan reads a plan from TOML. name is that of the file, for errors, which say line and column and are ErrPlan.
func ReadPlan(name string, data []byte) (Plan, error) {
	f := file{AtOnce: 1, OnFailure: string(OnFailureAsk)}
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Plan{}, fmt.Errorf("%w: %s: %s", ErrPlan, name, tomlTrouble(err))
	}
	p := Plan{
		Made: f.Made, Who: appliance.Label(f.Who).String(), Verb: appliance.Verb(f.Operation), Careful: f.Careful,
		Destination: f.Destination, Target: f.Target, AtOnce: f.AtOnce, OnFailure: OnFailure(f.OnFailure), KeepLock: f.KeepLock,
		Process: f.Process,
	}
	for _, x := range f.Backups {
		it := Item{
			Appliance: x.Appliance, Backup: appliance.BackupID(strings.ToLower(x.UUID)), Label: appliance.Label(x.Label),
			Checksum: appliance.Label(x.Checksum), Size: -1,
		}
		if x.Size != nil && *x.Size >= 0 {
			it.Size = *x.Size
		}
		p.Items = append(p.Items, it)
	}
	if err := p.Check(); err != nil {
		return Plan{}, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// tomlTrouble says where and what, in one line for each trouble.
func tomlTrouble(err error) string {
	var strict *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &strict):
		var all []string
		for i := range strict.Errors {
			line, column := strict.Errors[i].Position()
			all = append(all, fmt.Sprintf("line %d, column %d: unknown key %q", line, column, strings.Join(strict.Errors[i].Key(), ".")))
		}
		return strings.Join(all, "; ")
	case errors.As(err, &decode):
		line, column := decode.Position()
		return fmt.Sprintf("line %d, column %d: %s", line, column, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return err.Error()
}
