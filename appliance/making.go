package appliance

import "context"

// Passphrase is what a backup package is encrypted with. A secret.Secret is one, which prints [redacted] everywhere. It is handed
// to a call by itself and is no part of any Act or value, as none of them may keep it (faults.md SEC-05).
type Passphrase interface{ Reveal() string }

// Everywhere is the location that a delete names to have a backup removed from every place that it lies in.
const Everywhere Location = "all"

// MakingRules says what may be asked for of a new backup.
type MakingRules struct {
	Passphrase bool // it is encrypted with one, which is asked for
	Contents   bool // firmware and images may be included
	Share      bool // it may be written to the mount point of a share
	// Sources are the copies of the configuration of which a backup may be made; none: the whole appliance is backed up.
	Sources []ConfigCopy
	// Silence tells that the appliance answers nothing for minutes meanwhile (api/lxca.md 3.9).
	Silence bool
}

// NewBackup asks for a backup. Which members count is told by the MakingRules.
type NewBackup struct {
	Label       string // for people; on an ECB the name of the file, which must not exist yet
	Firmware    bool   // include firmware and device drivers
	Images      bool   // include operating-system images
	Destination Location
	Source      ConfigCopy
}

// Restoring asks for a restore.
type Restoring struct {
	Backup BackupID
	Label  Text // for people
	// What of an LXCA's backup is restored besides its data (api/lxca.md 3.9).
	Devices  bool // the inventory of devices
	Firmware bool // firmware and device drivers
	// From is the copy that the edited configuration is made equal to; empty: Backup is restored. RunningCopy and SavedCopy
	// throw away what was edited.
	From ConfigCopy
}

// BackupMaker makes backups. Accepted is not done: the job and the listings tell (faults.md JOB-08).
type BackupMaker interface {
	MakingRules() MakingRules
	CreateBackup(context.Context, NewBackup, Passphrase) (Receipt, error)
}

// BackupDeleter deletes a backup in one location or Everywhere.
type BackupDeleter interface {
	DeleteBackup(context.Context, BackupID, Location) (Receipt, error)
}

// Processor validates and decrypts the package that came in last, by an import or a push: the call names none
// (api/lxca.md 3.7).
type Processor interface {
	Process(context.Context, Passphrase) (Receipt, error)
}

// Preparer decrypts a backup of the appliance's own repository and prepares it for a restore.
type Preparer interface {
	Prepare(context.Context, BackupID, Passphrase) (Receipt, error)
}

// Restorer starts a restore. The passphrase is nil where the backup was prepared or processed with it before, or has none.
type Restorer interface {
	Restore(context.Context, Restoring, Passphrase) (Receipt, error)
}

// Quiet is what an appliance tells of the backup that it makes, or of the restore or import that runs there. Meanwhile it is
// quiesced: while it goes into or out of that state not even this can be read (api/lxca.md 3.1).
type Quiet struct {
	Making      bool // a backup is being made
	Restoring   bool // a restore or an import runs
	Phase       Text // as told, without what stands before a colon for machines
	Percent     float64
	Job         JobID
	Backup      BackupID
	Label       Text
	File        Text
	By          Text
	Destination Location // empty = not told
	Fields      []Field
	Stamp       Stamp
}

// QuietSource tells of backups and restores that keep the appliance quiet.
type QuietSource interface {
	Quiet(context.Context) (Quiet, error)
}

// Room is whether a package of so many bytes fits into the appliance's own repository, as the appliance says.
type Room struct {
	Fits  bool
	Space Space
	Told  []Message // why it does not fit, as told
}

// RoomTeller tells whether a package of so many bytes fits into the appliance's own repository.
type RoomTeller interface {
	Room(ctx context.Context, bytes int64) (Room, error)
}
