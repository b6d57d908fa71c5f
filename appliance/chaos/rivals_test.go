package chaos

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
)

// rivalLabel begins the labels of backups that are somebody else's business.
const rivalLabel = "theirs"

func rivalTransport(f *sim.Fleet) *http.Transport {
	return &http.Transport{
		DialContext:     f.DialAs("rival"),
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // who answers is not what is tested
	}
}

// rivals is something that somebody else does, at times under our own user name.
func (w *world) rivals(a *sim.Appliance) {
	if a.ECB != nil {
		source := []string{"rest", "rest", "gui", "acli"}[w.rng.IntN(4)]
		switch w.rng.IntN(4) {
		case 0:
			w.story.add(a.Name, "rival takes the lock by %s: %v", source, a.ECB.LockByOther(source))
		case 1:
			w.story.add(a.Name, "rival steals the lock by %s: %v", source, a.ECB.StealByOther(source))
		default:
			a.ECB.UnlockByOther()
			w.story.add(a.Name, "rival gives the lock back")
		}
		return
	}
	scope := xclarity.Components[w.rng.IntN(4)]
	minutes := 1 + w.rng.IntN(30)
	locks := a.LXCA.Locks()
	switch n := w.rng.IntN(12); {
	case n < 3:
		w.story.add(a.Name, "rival takes %s as %s", scope, a.LXCA.AddForeignLock(scope, time.Duration(minutes)*time.Minute))
	case n < 5: // as the very user that we are
		w.rivalRequest(a, "POST", "/aicc/service/sftp/locks", fmt.Sprintf(`{"component":"%s","expirationTimeOut":%d}`, scope, minutes*60))
	case n < 7 && len(locks) > 0:
		id := locks[w.rng.IntN(len(locks))].ID
		w.story.add(a.Name, "rival releases %s: %v", id, a.LXCA.RemoveLock(id))
	case n < 10:
		for _, b := range a.LXCA.Backups() {
			if strings.HasPrefix(b.Label, rivalLabel) && w.rng.IntN(2) == 0 {
				op := []string{"copy", "push", "push", "move"}[w.rng.IntN(4)]
				to := xclarity.DefaultShare
				if op == "push" {
					to = w.freshAddress()
				}
				job, err := a.LXCA.StartTransfer(xclarity.Transfer{Operation: op, UUID: b.UUID, Destination: to, User: "admin"})
				w.story.add(a.Name, "rival starts %s of %s: %s %v", op, b.UUID, job, err)
				return
			}
		}
	default:
		w.restock(a)
	}
}

// restock has backups come and go that nobody works on.
func (w *world) restock(a *sim.Appliance) {
	all := a.LXCA.Backups()
	for _, b := range all {
		if len(b.Locations) > 1 && w.rng.IntN(2) == 0 {
			w.story.add(a.Name, "rival deletes %s from the share: %v", b.UUID, a.LXCA.RemoveBackup(b.UUID, xclarity.DefaultShare))
		}
	}
	if len(all) < 16 {
		label := []string{rivalLabel, "nightly", "weekly"}[w.rng.IntN(3)]
		id := a.LXCA.AddBackup(xclarity.Backup{Label: fmt.Sprintf("%s-%d", label, w.rng.IntN(1000)), Locations: []string{xclarity.Internal}})
		w.story.add(a.Name, "a backup %s appears: %s", label, id)
	}
}

// rivalRequest sends a request as another program with our user name does; what becomes of it is its own business.
func (w *world) rivalRequest(a *sim.Appliance, method, path, body string) {
	if strings.HasSuffix(path, "/sftp/locks") || strings.HasSuffix(path, "/managementServer/data") {
		w.mu.Lock()
		if w.others[a.Name] == nil {
			w.others[a.Name] = map[string]int{}
		}
		w.others[a.Name][method]++
		w.mu.Unlock()
	}
	w.acts.Go(func() {
		r, err := http.NewRequestWithContext(context.Background(), method, a.URL+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		r.SetBasicAuth(a.Accounts[0].User, a.Accounts[0].Password)
		r.Header.Set("Content-Type", "application/json")
		status := "no answer"
		if resp, err := w.rival.Do(r); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body) // it may be cut
			_ = resp.Body.Close()
			status = resp.Status
		}
		w.story.add(a.Name, "rival asked %s %s %s: %s", method, path, body, status)
	})
}

// freshAddress is where pushes go: mostly to the new appliance, at times to one that is not, or that nobody has.
func (w *world) freshAddress() string {
	switch w.rng.IntN(8) {
	case 0:
		return "198.18.9.9"
	case 1:
		return w.fleet.Appliance("dc2").Address
	}
	return w.fleet.Appliance("fresh").Address
}
