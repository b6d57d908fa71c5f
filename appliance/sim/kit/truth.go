package kit

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

// Effect is one thing that really happened inside a simulated appliance. One effect is one step of the appliance's
// state: nothing comes between its parts. What says what happened; the table tells which members it fills beside Seq,
// At, Appliance, What and More (words for people). By, Client, Request and Token say who asked; they are empty for what
// the appliance did by itself.
//
//	lock.granted                        ID Scope TTL Ends    LXCA: the lock's id; ECB: its token's (t3), or gui or acli
//	lock.moved                          ID Of Scope Ends     ECB: from the token Of to its renewal ID
//	lock.released                       ID Scope             by hand; More of an ECB: unlock, token revoked, restart
//	lock.expired                        ID Scope             at its end
//	lock.stolen                         ID Scope             taken from its holder by somebody else; the granted one follows
//	sftp.started, sftp.stopped                               LXCA: with the first lock, after the last one
//	job.started                         ID Kind UUID From To Checksum
//	job.ended                           ID Kind UUID From To State    By is who cancelled it
//	push.cancelled                      ID UUID To           its job.ended follows
//	job.deleted                         ID Kind UUID
//	backup.added                        UUID To Locations Checksum    by a test, not by a job
//	backup.copied, .moved, .pushed      UUID Job From To Locations Checksum
//	backup.arrived                      UUID To Locations Checksum From is the sender's name
//	backup.deleted                      UUID From Locations  From is a location or "all"
//	backup.created                      UUID Job To Locations Checksum    LXCA
//	backup.processed, .prepared         UUID Job             decrypted; both of an LXCA
//	backup.restored                     UUID Job
//	token.issued, token.renewed         ID Of TTL Ends       Of is the token that was renewed
//	token.expired, token.revoked        ID
//	token.refused                                            a login that was refused
//	async.begun, async.ended            ID State             ECB: save, verify, activate, restore, backup (in More)
//	config.edited, .saved, .activated, .restored             ECB
//	backup.created, backup.deleted      ID                   ECB: the file's name
//	appliance.restarted                                      sessions or tokens are gone, jobs have stopped
//	fault.KIND                          Rule                 a fault made on purpose, see package fault; More is the request
type Effect struct {
	Seq       int64     `json:"seq"`
	At        time.Time `json:"at"` // base time, not the appliance's
	Appliance string    `json:"appliance"`
	What      string    `json:"what"`           // for example "lock.granted"
	ID        string    `json:"id,omitempty"`   // lock id, job id, backup uuid, or an ECB's token number
	By        string    `json:"by,omitempty"`   // user, empty when the appliance did it by itself
	More      string    `json:"more,omitempty"` // component, destination, reason

	Client  string `json:"client,omitempty"`  // the connection it was asked on, see Asker
	Request string `json:"request,omitempty"` // the request's X-Request-Id
	Token   string `json:"token,omitempty"`   // ECB: number of the token it was asked with

	Scope     string    `json:"scope,omitempty"`     // component of a lock; "configuration" on an ECB
	TTL       int64     `json:"ttl,omitempty"`       // seconds granted
	Ends      time.Time `json:"ends,omitzero"`       // base time at which it will end by itself
	Of        string    `json:"of,omitempty"`        // token that this one came from
	Kind      string    `json:"kind,omitempty"`      // of a job: copy, move, push, backup, process, prepare, restore
	Job       string    `json:"job,omitempty"`       // id of the job whose effect this is
	State     string    `json:"state,omitempty"`     // how a job ended, in the appliance's word
	UUID      string    `json:"uuid,omitempty"`      // of a backup
	From      string    `json:"from,omitempty"`      // location
	To        string    `json:"to,omitempty"`        // location, or address of a push
	Locations []string  `json:"locations,omitempty"` // where the backup lies after the effect; none: nowhere any more
	Checksum  string    `json:"checksum,omitempty"`  // of the backup
	Rule      string    `json:"rule,omitempty"`      // text of the rule that made a fault
}

// Asker is who asked for an effect.
type Asker struct {
	User    string
	Client  string // remote address of the connection; in memory NAME:N, the name that dialled and the connection's number
	Request string // X-Request-Id, empty without one
	Token   string // number of the ECB's token, never its text
}

// maxRequestID bounds what is kept of a header that a client may choose.
const maxRequestID = 64

// AskerOf tells who sent a request; the user is for the appliance to find out.
func AskerOf(r *http.Request) Asker {
	id := r.Header.Get("X-Request-Id")
	return Asker{Client: r.RemoteAddr, Request: id[:min(len(id), maxRequestID)]}
}

// As is the asker with a user's name.
func (a Asker) As(user string) Asker {
	a.User = user
	return a
}

// AskedBy is the effect with who asked for it.
func (e Effect) AskedBy(a Asker) Effect {
	e.By, e.Client, e.Request, e.Token = a.User, a.Client, a.Request, a.Token
	return e
}

// IsFault reports whether it is a fault made on purpose and not what an appliance did.
func (e Effect) IsFault() bool { return strings.HasPrefix(e.What, "fault.") }

// Truth is the log of every effect, shared by all simulated appliances of a process. It is safe for concurrent use.
type Truth struct {
	mu      sync.Mutex
	seq     int64
	effects []Effect
	out     *json.Encoder
}

// NewTruth returns a truth log that also writes one JSON line an effect to w; w may be nil.
func NewTruth(w io.Writer) *Truth {
	t := &Truth{}
	if w != nil {
		t.out = json.NewEncoder(w)
	}
	return t
}

// Record appends an effect and numbers it.
func (t *Truth) Record(e Effect) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	e.Seq = t.seq
	t.effects = append(t.effects, e)
	if t.out != nil {
		_ = t.out.Encode(e) // a truth file that cannot be written must not change what the appliance does
	}
}

// Effects returns a copy of all effects so far, in order, without those that were forgotten.
func (t *Truth) Effects() []Effect { return t.Since(0) }

// Since returns a copy of the effects with a number above seq, in order: with the last one's number a reader goes on
// where it stopped.
func (t *Truth) Since(seq int64) []Effect {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Effect(nil), t.effects[t.above(seq):]...)
}

// Forget drops the effects with a number up to seq from memory, so that a long run need not hold them all.
func (t *Truth) Forget(seq int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.effects = slices.Clone(t.effects[t.above(seq):])
}

// above is the place of the first effect with a number above seq. It is called with mu held.
func (t *Truth) above(seq int64) int {
	return sort.Search(len(t.effects), func(i int) bool { return t.effects[i].Seq > seq })
}
