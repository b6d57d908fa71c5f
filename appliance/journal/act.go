package journal

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// more is what is kept of an intent beside the columns. No answer of an appliance is in it, and nothing secret has a place in
// it. A list that is null or missing is not known; an empty one is known to be empty.
type more struct {
	ClaimScope string           `json:"claim_scope,omitempty"`
	ClaimTTL   time.Duration    `json:"claim_ttl,omitempty"`
	LockScope  string           `json:"lock_scope,omitempty"`
	LockName   string           `json:"lock_name,omitempty"`
	Holder     appliance.Holder `json:"holder,omitempty"`
	Created    time.Time        `json:"created,omitzero"`
	CreText    string           `json:"created_text,omitempty"`
	LockTTL    time.Duration    `json:"lock_ttl,omitempty"`
	Exclusive  bool             `json:"exclusive,omitempty"`
	Transfer   appliance.Verb   `json:"transfer,omitempty"`
	Label      string           `json:"label,omitempty"`
	Checksum   string           `json:"checksum,omitempty"`
	Typed      bool             `json:"typed,omitempty"`
	Deadline   time.Duration    `json:"deadline,omitempty"`
	Until      time.Time        `json:"until,omitzero"`
	Ref        string           `json:"ref,omitempty"`
	Engine     string           `json:"engine,omitempty"` // from which a lock is taken over

	NewLabel    string               `json:"new_label,omitempty"`
	NewTo       appliance.Location   `json:"new_to,omitempty"`
	NewWith     []string             `json:"new_with,omitempty"` // firmware, images
	NewFrom     appliance.ConfigCopy `json:"new_from,omitempty"`
	RestoreOf   appliance.BackupID   `json:"restore_of,omitempty"`
	RestoreWith []string             `json:"restore_with,omitempty"` // devices, firmware
	RestoreFrom appliance.ConfigCopy `json:"restore_from,omitempty"`

	Before []appliance.LockID `json:"before,omitzero"`
	Since  time.Time          `json:"since,omitzero"`
	Again  uint64             `json:"again,omitempty"`
}

// put fills the columns of an intent's act, and more.
func (r *intent) put(in fleet.Intent) error {
	a := in.Act
	b, err := json.Marshal(more{
		ClaimScope: label(a.Claim.Scope), ClaimTTL: a.Claim.TTL,
		LockScope: label(a.Lock.Scope.Code), LockName: a.Lock.Scope.Name.String(),
		Holder:  appliance.Holder(label(string(a.Lock.Holder))),
		Created: inYears(a.Lock.Created), CreText: a.Lock.CreText.String(), LockTTL: a.Lock.TTL, Exclusive: a.Lock.Exclusive,
		Transfer: appliance.Verb(label(string(a.Transfer.Verb))),
		Label:    a.Transfer.Label.String(), Checksum: a.Transfer.Checksum.String(),
		Typed: a.Typed, Deadline: a.Deadline, Until: inYears(a.Until), Ref: label(a.Ref), Engine: label(a.Engine),
		NewLabel: label(a.Making.Label), NewTo: appliance.Location(words(string(a.Making.Destination))),
		NewWith: with("firmware", a.Making.Firmware, "images", a.Making.Images), NewFrom: appliance.ConfigCopy(label(string(a.Making.Source))),
		RestoreOf: appliance.BackupID(label(string(a.Restore.Backup))), RestoreFrom: appliance.ConfigCopy(label(string(a.Restore.From))),
		RestoreWith: with("devices", a.Restore.Devices, "firmware", a.Restore.Firmware),
		Before:      labels(in.Before), Since: inYears(in.Since), Again: in.Again,
	})
	if err != nil {
		return fmt.Errorf("write down an intent: %w", err)
	}
	r.verb, r.target = label(string(a.Verb)), words(a.Target())
	r.scope, r.lock = label(a.Claim.Scope), label(string(a.Lock.ID))
	if r.scope == "" {
		r.scope = label(a.Lock.Scope.Code)
	}
	r.backup, r.destination, r.job = label(string(a.Transfer.Backup)), words(a.Transfer.Destination), label(string(a.Job))
	r.more = string(b)
	return nil
}

// with names those of two that are wanted.
func with(one string, wantsOne bool, two string, wantsTwo bool) (names []string) {
	if wantsOne {
		names = append(names, one)
	}
	if wantsTwo {
		names = append(names, two)
	}
	return names
}

// inYears leaves out a moment that JSON has no form for.
func inYears(t time.Time) time.Time {
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}

// fill is the reverse of put.
func (r *intent) fill(in *fleet.Intent) error {
	var m more
	if err := json.Unmarshal([]byte(r.more), &m); err != nil {
		return damaged("intent %d cannot be read: %v", r.id, err)
	}
	in.Before, in.Since, in.Again = m.Before, m.Since, m.Again
	in.Act = appliance.Act{
		Verb:  appliance.Verb(r.verb),
		Claim: appliance.Claim{Scope: m.ClaimScope, TTL: m.ClaimTTL},
		Lock: appliance.Lock{
			ID: appliance.LockID(r.lock), Scope: appliance.Scope{Code: m.LockScope, Name: appliance.Label(m.LockName)},
			Holder: m.Holder, Created: m.Created, CreText: appliance.Label(m.CreText), TTL: m.LockTTL, Exclusive: m.Exclusive,
		},
		Transfer: appliance.Transfer{
			Verb: m.Transfer, Backup: appliance.BackupID(r.backup), Label: appliance.Label(m.Label),
			Checksum: appliance.Label(m.Checksum), Destination: r.destination,
		},
		Making: appliance.NewBackup{
			Label: label(m.NewLabel), Destination: m.NewTo, Firmware: slices.Contains(m.NewWith, "firmware"),
			Images: slices.Contains(m.NewWith, "images"), Source: m.NewFrom,
		},
		Restore: appliance.Restoring{
			Backup: m.RestoreOf, From: m.RestoreFrom, Devices: slices.Contains(m.RestoreWith, "devices"),
			Firmware: slices.Contains(m.RestoreWith, "firmware"),
		},
		Job:   appliance.JobID(r.job),
		Typed: m.Typed, Deadline: m.Deadline, Until: m.Until, Ref: label(m.Ref), Engine: m.Engine,
	}
	return nil
}
