package xclarity

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast/appliance/sim/kit"
)

// Backup is a package. With AddBackup, what is left empty gets a plausible value.
type Backup struct {
	UUID      string
	Label     string
	Size      int64 // bytes
	Checksum  string
	Taken     time.Time // appliance clock
	By        string
	Version   string
	Locations []string
	// Passphrase decrypts it.
	Passphrase string
}

// backup is a package with what is already rendered of it: 100,000 of them are sent as fast as memory is copied.
type backup struct {
	Backup
	uses     int  // running jobs that work on it
	prepared bool // decrypted, for a restore
	rendered []byte
	version  uint64 // of the switches when it was rendered
}

// has reports whether the package lies there.
func (b *backup) has(location string) bool { return slices.Contains(b.Locations, location) }

// backupWire is a backup as it is sent (api/lxca.md 3.2).
type backupWire struct {
	UUID              string `json:"uuid"`
	Label             string `json:"label"`
	Filename          string `json:"filename"`
	BackupDate        any    `json:"backupDate"`
	BackupRequestedBy string `json:"backupRequestedBy"`
	Chassis           any    `json:"chassis"`
	Checksum          string `json:"checksum"`
	DHCP              any    `json:"dhcp"`
	DHCPEth           string `json:"dhcpEth"`
	DHCPMac           string `json:"dhcpMac"`
	Eth0IPv4          string `json:"eth0IPv4"`
	Eth0IPv6          string `json:"eth0IPv6"`
	Eth1IPv4          string `json:"eth1IPv4"`
	Eth1IPv6          string `json:"eth1IPv6"`
	Firmware          any    `json:"firmware"`
	IPRedirect        string `json:"ipRedirect"`
	PackageSize       any    `json:"packageSize"`
	Version           string `json:"version"`
	Locations         any    `json:"locations,omitempty"`
	Location          any    `json:"location,omitempty"`
	MountPoints       any    `json:"mountPoints,omitempty"`
}

// effect is something that has just happened to the package.
func (b *backup) effect(what, from, to string) kit.Effect {
	return kit.Effect{What: what, ID: b.UUID, UUID: b.UUID, From: from, To: to, Locations: slices.Clone(b.Locations),
		Checksum: b.Checksum}
}

// Backups returns copies of all packages.
func (a *Appliance) Backups() []Backup {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Backup, 0, len(a.backups))
	for _, b := range a.backups {
		list = append(list, b.copy())
	}
	return list
}

func (b *backup) copy() Backup {
	c := b.Backup
	c.Locations = slices.Clone(c.Locations)
	return c
}

// AddBackup puts a package on the appliance and returns its uuid.
func (a *Appliance) AddBackup(b Backup) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b.Taken.IsZero() {
		b.Taken = a.clock.Now()
	}
	b = a.plausible(b)
	a.record(a.clock.Base(), other, a.add(b).effect("backup.added", "", strings.Join(b.Locations, ",")))
	return b.UUID
}

// RemoveBackup takes a package out of one location, or out of "all", as somebody else would. It reports whether it did:
// a package that a job works on stays.
func (a *Appliance) RemoveBackup(uuid, location string) bool {
	a.Settle()
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.byUUID[uuid]
	if b == nil || b.uses > 0 || (location != "all" && !b.has(location)) {
		return false
	}
	a.deleted(b, location, other)
	return true
}

// plausible fills what a package lacks. It is called with mu held.
func (a *Appliance) plausible(b Backup) Backup {
	if b.UUID == "" {
		b.UUID = a.newUUID()
	}
	b.Taken = b.Taken.Truncate(time.Millisecond)
	if b.Label == "" {
		b.Label = "nightly-" + b.Taken.UTC().Format("0102")
	}
	if b.Size == 0 {
		b.Size = 8_000_000_000 + a.rng.Int64N(6_000_000_000)
	}
	if b.Checksum == "" {
		b.Checksum = a.hex(64)
	}
	if b.By == "" {
		b.By = "ADMIN"
	}
	if b.Version == "" {
		b.Version = a.opt.Version
	}
	if b.Locations == nil {
		b.Locations = []string{Internal}
	}
	if b.Passphrase == "" {
		b.Passphrase = DefaultPassphrase
	}
	return b
}

// add puts a complete package on the appliance. It is called with mu held.
func (a *Appliance) add(b Backup) *backup {
	p := &backup{Backup: b}
	a.backups = append(a.backups, p)
	a.byUUID[b.UUID] = p
	return p
}

// seedBackups makes n nightly packages, newest first, the newest ten hours old. More than 400 share those 400 days.
func (a *Appliance) seedBackups(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := a.clock.Now().Add(-10 * time.Hour)
	step := 24 * time.Hour
	if n > 400 {
		step = 400 * 24 * time.Hour / time.Duration(n)
	}
	for i := range n {
		a.add(a.plausible(Backup{Taken: taken.Add(-time.Duration(i) * step)}))
	}
	if used := a.used(Internal); used*5/4 > a.capacity[Internal] {
		a.capacity[Internal] = used * 5 / 4
	}
}

// used is the number of bytes that packages take in a location. It is called with mu held.
func (a *Appliance) used(location string) int64 {
	var n int64
	for _, b := range a.backups {
		if b.has(location) {
			n += b.Size
		}
	}
	return n
}

// fits reports whether so many bytes more go into a location. It is called with mu held.
func (a *Appliance) fits(location string, bytes int64) bool {
	capacity, bounded := a.capacity[location]
	return !bounded || a.used(location)+a.reserved(location)+bytes <= capacity
}

// fileName is the name of the package's file.
func fileName(b Backup) string { return "LXCA_backup_" + b.Taken.UTC().Format("Jan02_1504") + ".tar" }

// render returns the package's JSON. It is called with mu held.
func (a *Appliance) render(b *backup) []byte {
	v := a.switches.Version()
	if b.rendered != nil && b.version == v {
		return b.rendered
	}
	label := b.Label
	if a.switches.Is(swLabels, "hostile") {
		label = "\x1b[2J\x1b]52;c;aGVsbG8=\x07" + label + "\u202e\u200b\r\n"
	}
	w := backupWire{
		UUID: b.UUID, Label: label, Filename: fileName(b.Backup),
		BackupDate: a.stamp(b.Taken, millisForm), BackupRequestedBy: strings.ToUpper(b.By), Chassis: a.size(2), Checksum: b.Checksum,
		DHCP: a.boolean(false), Eth0IPv4: a.opt.Address, Eth0IPv6: "fe80::250:56ff:fe9c:1a2b", Firmware: a.size(0),
		IPRedirect: a.opt.Address, PackageSize: a.size(b.Size), Version: b.Version,
	}
	switch a.switches.Get(swLocationKey) {
	case "location":
		w.Location = strings.Join(b.Locations, ",")
	case "mountPoints":
		list := make([]map[string]string, 0, len(b.Locations))
		for _, l := range b.Locations {
			list = append(list, map[string]string{"mountPoint": l})
		}
		w.MountPoints = list
	default:
		w.Locations = b.Locations
	}
	raw, err := json.Marshal(w)
	if err != nil {
		panic("sim: backup cannot be marshalled: " + err.Error())
	}
	b.rendered, b.version = raw, v
	return raw
}

// getBackups lists the packages (api/lxca.md 3.2).
func (a *Appliance) getBackups(*call) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	chunks := make([][]byte, 0, 2*len(a.backups)+1)
	chunks = append(chunks, []byte(`{"backups":[`))
	for i, b := range a.backups {
		if i > 0 {
			chunks = append(chunks, comma)
		}
		chunks = append(chunks, a.render(b))
	}
	return answer{status: http.StatusOK, chunks: append(chunks, []byte(`],"result":"success","messages":[]}`))}
}

var comma = []byte(",")

// getRepository tells the space of the local repository, and whether a package of packageSize bytes fits
// (api/lxca.md 3.6).
func (a *Appliance) getRepository(c *call) answer {
	a.mu.Lock()
	used, total := a.used(Internal), a.capacity[Internal]
	a.mu.Unlock()
	body := a.wrap(http.StatusOK, true)
	if q := c.r.URL.Query(); q.Has("packageSize") {
		n, err := strconv.ParseInt(q.Get("packageSize"), 10, 64)
		if err != nil || n < 0 {
			return a.refuse(http.StatusBadRequest, "FQXHMDM9001J", "The packageSize is not valid.", "", "Use a number of bytes.")
		}
		if n > total-used {
			body = a.wrap(http.StatusOK, false, a.message("FQXHMDM9002J", "The package does not fit into the repository.", "",
				"Delete or move backups.", helpURL))
		}
	}
	body["spaceUsed"], body["totalSpace"] = a.size(used), a.size(total)
	return answer{status: http.StatusOK, body: body}
}

// deleteBackup removes a package from one location or from all (api/lxca.md 3.5).
func (a *Appliance) deleteBackup(c *call) answer {
	location := c.r.URL.Query().Get("location")
	if location == "" {
		return a.refuse(http.StatusBadRequest, "FQXHMDM9003J", "The location is missing.", "", "Use all, internal or a mount point.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.byUUID[c.id]
	if b == nil {
		return a.refuse(a.status(swRefusal), "FQXHMDM9004J", "The backup was not found.", "", "List the backups.")
	}
	if location != "all" && !b.has(location) {
		return a.refuse(a.status(swRefusal), "FQXHMDM9005J", "The backup is not in that location.", location, "List the backups.")
	}
	if b.uses > 0 {
		return a.fail(a.inUse(b))
	}
	return a.deleteFrom(b, location, c.asker())
}

// deleteFrom removes a package from where it can be reached. It is called with mu held.
func (a *Appliance) deleteFrom(b *backup, location string, by kit.Asker) answer {
	var away []string
	for _, l := range b.Locations {
		if a.unmounted[l] && (location == "all" || location == l) {
			away = append(away, l)
		}
	}
	if len(away) == 0 {
		a.deleted(b, location, by)
		return a.ok(http.StatusOK)
	}
	words := "The remote share " + strings.Join(away, ", ") + " is not mounted."
	if len(away) == len(b.Locations) || location != "all" || a.switches.Is(swDeletePart, "refused") {
		return a.refuse(http.StatusBadRequest, "FQXHMDM9026J", words, "Nothing was deleted.", "Mount the remote share.")
	}
	for _, l := range slices.Clone(b.Locations) {
		if !a.unmounted[l] {
			a.deleted(b, l, by)
		}
	}
	body := a.wrap(http.StatusOK, true, a.message("FQXHMDM9026J", words, "The backup was deleted elsewhere.",
		"Mount the remote share and delete it there.", helpURL))
	body["result"] = "warning"
	return answer{status: http.StatusOK, body: body}
}

// inUse is the refusal for a package that a job works on.
func (a *Appliance) inUse(b *backup) *problem {
	return &problem{status: a.status(swConflict), id: "FQXHMDM9006J", text: "The backup is in use by another job.",
		explanation: b.UUID, recovery: "Wait until the job ends."}
}

// deleted removes a package and records it. It is called with mu held.
func (a *Appliance) deleted(b *backup, location string, by kit.Asker) {
	a.remove(b, location)
	e := b.effect("backup.deleted", location, "")
	e.More = location
	a.record(a.clock.Base(), by, e)
}

// remove takes a package out of a location, or out of all; one that lies nowhere is gone. It is called with mu held.
func (a *Appliance) remove(b *backup, location string) {
	if location == "all" {
		b.Locations = nil
	}
	b.Locations = slices.DeleteFunc(b.Locations, func(l string) bool { return l == location })
	b.rendered = nil
	if len(b.Locations) == 0 {
		delete(a.byUUID, b.UUID)
		a.backups = slices.DeleteFunc(a.backups, func(x *backup) bool { return x == b })
	}
}

// receive takes a package that another appliance pushes here; the reason it refuses is empty when it does not. Only
// the newly set up take packages. No other appliance's lock is held meanwhile.
func (a *Appliance) receive(b Backup, from string, at time.Time) string {
	if why := a.unreachable(); why != "" {
		return why
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byUUID[b.UUID] != nil {
		return "The target already has this backup."
	}
	if !a.fits(Internal, b.Size) {
		return "There is not enough space on the target."
	}
	b.Locations = []string{Internal}
	a.arrived = b.UUID
	arrived := a.add(b).effect("backup.arrived", from, Internal)
	arrived.More = "from " + from
	a.record(at, itself, arrived)
	return ""
}

// unreachable tells why a push to this appliance cannot work, if so.
func (a *Appliance) unreachable() string {
	closed, busy := a.hush()
	switch {
	case a.away.Load() || a.restarting() || closed || busy:
		return "The target does not answer."
	case !a.fresh.Load():
		return "The target is not newly set up."
	}
	return ""
}
