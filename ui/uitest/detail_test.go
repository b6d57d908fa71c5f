package uitest_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"holdfast/appliance/sim"
	"holdfast/appliance/sim/xclarity"
	"holdfast/ui/uitest"
)

// The detail shows every field, the raw answer and the same request by hand, which is copied without the secret.
func TestDetail(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{}, func(x *uitest.Terminal) {
		uuid := x.Fleet.Appliance("dc1-lxca").LXCA.Backups()[0].UUID
		x.Until("nightly-1231").Press("3", "g", "enter").Until("id", uuid).UntilMatch(`↓ \d+ more`)
		x.Press("G").Until(`"uuid": "`+uuid+`"`).Press("g").Until("label", "nightly-1231")
		x.Press("pgdown", "pgdown", "pgdown", "pgup", "j", "k")
		x.Press("Y").Until("copied as curl, without the secret")
		clip := x.Clipboard()
		if !strings.HasPrefix(clip, "curl -X GET -u admin ") || !strings.Contains(clip, "/managementServer/data") ||
			strings.Contains(clip, "Passw0rd") {
			t.Errorf("the clipboard holds %q", clip)
		}
		x.Press("esc").Until("2 Locks")
	})
}

// The detail of a row in any pane: what an appliance listed stands there as it came, and how it is asked for; a request can be
// repeated, and its answer was not kept; an event came from no appliance, and no answer of one is promised.
func TestDetailOfEveryPane(t *testing.T) {
	t.Parallel()
	prepare := func(f *sim.Fleet) {
		f.Appliance("ecb-edge").ECB.AddBackupFile("weekly.gz")
		if err := f.Appliance("ecb-edge").ECB.StartAsync("save", "admin"); err != nil {
			t.Errorf("start an operation: %v", err)
		}
		a := f.Appliance("dc1-lxca").LXCA
		_, err := a.StartTransfer(xclarity.Transfer{Operation: "copy", UUID: a.Backups()[0].UUID, Destination: share, User: "otto"})
		if err != nil {
			t.Errorf("start a transfer: %v", err)
		}
	}
	cfg := fleet()
	cfg.Speed = 0.02
	play(t, uitest.Options{Sim: cfg, Prepare: prepare, Width: 160, Height: 60}, func(x *uitest.Terminal) {
		x.Until("nightly-1231", "internal").Until("Copy backup")
		acquire(x, "updates", "20m")
		x.Until("you took UP Updates")
		const lxca, ecb, no = `"Authorization: Bearer`, `-u admin`, "" // what stands in the curl line of the other kind
		for _, row := range []struct {
			name   string
			keys   []string
			fields []string
			raw    []string // as the appliance told it; none = there is no answer, and none is promised
			curl   string   // pattern of what is copied; empty = there is nothing to copy
			other  string
		}{
			{"an LXCA", []string{"1", "g"}, []string{"LXCA 4.1.0", "logged in as"}, []string{`"appliance": {`, `"userName": "ADMIN"`},
				`(?s)curl -X GET -u admin .*/aicc\ncurl -X GET -u admin .*/userAccounts\n`, lxca},
			{"a lock", []string{"1", "g", "2", "g"}, []string{"state", "holder"}, []string{`"component": "UP"`},
				`curl -X GET -u admin .*/aicc/service/sftp/locks/[0-9A-Za-z]+\n`, lxca},
			{"a bar of the timeline", []string{"7", "g"}, []string{"state", "holder"}, []string{`"component": "UP"`},
				`curl -X GET -u admin .*/aicc/service/sftp/locks/[0-9A-Za-z]+\n`, lxca},
			{"a backup", []string{"3", "g"}, []string{"lies in", "EVERY ATTRIBUTE"}, []string{`"uuid": "`},
				`curl -X GET -u admin .*/managementServer/data\n`, lxca},
			{"a job", []string{"4", "/", "copy"}, []string{"started by"}, []string{`"children": [`}, `curl -X GET -u admin .*/tasks/\d+\n`, lxca},
			{"a part of a job", []string{"4", "t", "down"}, []string{"part of job"}, []string{`"children": [`}, `curl -X GET -u admin .*/tasks/\d+\n`, lxca},
			{"an event", []string{"5"}, []string{"level", "what"}, nil, "", no},
			{"a request", []string{"6", "/", "GET tasks"}, []string{"method", "took", "raw answer  not kept"}, nil, `curl -X GET -u admin .*/tasks\n`, lxca},
			{"an ECB", []string{"1", "G"}, []string{"standalone"}, []string{"<healthScore", "<systemInformation>"},
				`(?s)curl -X GET .*/system/status\n.*/system/information\n.*/system/version\n.*/rest/api/supportedversions\n`, ecb},
			{"a backup of an ECB", []string{"1", "G", "3", "g"}, []string{"lies in"}, []string{"weekly.gz<"}, `curl .*/configuration/management/files\n`, ecb},
			{"an operation of an ECB", []string{"4", "/", "ecb-edge"}, []string{"started"}, []string{"<operation>"}, `curl .*/admin/asyncstatus\n`, ecb},
			{"a request to an ECB", []string{"6", "/", "POST token"}, []string{"POST", "answer"}, nil, `curl -X POST -u admin .*/auth/token\n`, no},
		} {
			t.Log(row.name)
			for i, key := range row.keys {
				if i > 0 && row.keys[i-1] == "/" {
					x.Type(key).Press("enter")
					continue
				}
				x.Press(key)
			}
			x.Press("enter").Until("esc back")
			for _, part := range row.fields {
				x.Until(part)
			}
			if shown := strings.Contains(x.Screen(), "Y copy as curl"); shown != (row.curl != "") {
				t.Errorf("%s: a curl line is promised: %v\n%s", row.name, shown, x.Screen())
			}
			if row.curl == "" {
				x.Press("Y").Never("copied").Never("THE SAME BY HAND")
			} else {
				x.Press("Y").Until("copied as curl, without the secret").Until("THE SAME BY HAND")
				clip := x.Clipboard()
				if !regexp.MustCompile("^"+row.curl+"$").MatchString(clip) || strings.Contains(clip, "Passw0rd") ||
					row.other != "" && strings.Contains(clip, row.other) {
					t.Errorf("%s: the clipboard holds %q", row.name, clip)
				}
			}
			if row.raw == nil {
				x.Never("AS THE APPLIANCE TOLD IT")
			}
			for _, part := range row.raw {
				x.Press("g")
				for n := 0; n < 20 && !strings.Contains(x.Screen(), part); n++ {
					x.Press("pgdown")
				}
				x.Until(part)
			}
			x.Press("esc").Until("2 Locks").Press("esc", "esc")
		}
		x.Never("Passw0rd")
	})
}

// The curl line of a request that changes something is that of the very request; what was sent along with it was not kept, since it
// may hold a secret, and that is said (faults.md SEC-01).
func TestFault_SEC01_DetailOfARequest(t *testing.T) {
	t.Parallel()
	play(t, uitest.Options{Width: 160, Height: 50}, func(x *uitest.Terminal) {
		acquire(x, "updates", "20m")
		x.Until("you took UP Updates").Press("6", "/").Type("POST").Press("enter").Until("1 of").Press("enter")
		x.Until("body", "not kept, as it may hold a secret: $BODY stands for it").Until("answer", "201").Never("AS THE APPLIANCE TOLD IT", "component")
		x.Press("Y").Until("copied as curl, without the secret")
		clip := x.Clipboard()
		if !strings.HasPrefix(clip, "curl -X POST -u admin ") || !strings.Contains(clip, `--data-raw "$BODY" https://`) ||
			!strings.HasSuffix(clip, "/aicc/service/sftp/locks\n") || strings.Contains(clip, "Passw0rd") {
			t.Errorf("the clipboard holds %q", clip)
		}
	})
}

// Details that are open are as true as the row that they are of: they count down with it, follow a job, and say when the list has the
// row no more.
func TestDetailGoesOn(t *testing.T) {
	t.Parallel()
	cfg := fleet()
	cfg.Speed = 0.02
	play(t, uitest.Options{Sim: cfg, Prepare: foreignCopy(t)}, func(x *uitest.Terminal) {
		acquire(x, "updates", "1m")
		x.Until("you took UP Updates").Press("2", "g", "enter").UntilMatch(`state +held`)
		x.Advance(30 * time.Second)
		x.UntilMatch(`left at least +00:[234]\d`)
		x.Advance(2 * time.Minute)
		x.UntilNoMatch(`state +held`).Until("as told last: the list has it no more")
		x.Press("esc", "4", "g", "enter").UntilMatch(`progress +\d\d? %`)
		before := x.Screen()
		x.Advance(10 * time.Second)
		if x.Screen() == before {
			t.Errorf("the job goes on, and its details do not:\n%s", before)
		}
		x.Advance(5 * time.Minute)
		x.UntilMatch(`state +Complete`)
	})
}
