package fleet

import (
	"context"
	"strings"
	"testing"
	"time"

	"holdfast/appliance"
)

// I5, JOB-04: "moved" is said only when the listing agrees, whatever the job says.
func TestFault_JOB04_MoveIsWhatTheListingSays(t *testing.T) {
	const nas = appliance.Location("/mnt/nas")
	at := func(places ...appliance.Location) *appliance.Backup {
		b := nightly()
		b.Locations = places
		return &b
	}
	other := at(nas)
	other.Checksum = appliance.Label("bad")
	for _, c := range []struct {
		what  string
		left  *appliance.Backup // how it is listed at the end
		phase appliance.Phase
		level Level
		says  string
	}{
		{"moved", at(nas), appliance.PhaseSucceeded, Good, "is moved to /mnt/nas"},
		{"moved in spite of the job", at(nas), appliance.PhaseProblem, Warn, "is moved to /mnt/nas, as the listing says"},
		{"copied only", at(appliance.Internal, nas), appliance.PhaseSucceeded, Warn, "the original in internal is kept"},
		{"not moved", at(appliance.Internal), appliance.PhaseSucceeded, Warn, "is not moved"},
		{"another checksum", other, appliance.PhaseSucceeded, Alarm, "another checksum: bad, not c0ffee"},
		{"in neither place", nil, appliance.PhaseSucceeded, Alarm, "neither in internal nor at /mnt/nas (checksum c0ffee, job 1)"},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, withNightly, func(t *testing.T, b *bench) {
				r, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
				must(t, "error", err, nil)
				b.pass(4 * time.Second)
				s := b.snap()
				must(t, "job is ours", s.Jobs[0].Mine && s.Jobs[0].Who == "maria" && s.Jobs[0].Transfer != nil, true)
				must(t, "moving", s.Backups[0].Moving, true)
				b.f.with(func() {
					b.f.backups = nil
					if c.left != nil {
						b.f.backups = []appliance.Backup{*c.left}
					}
					b.f.before = func(_ context.Context, call string) error {
						if call == "backups" {
							<-time.After(5 * time.Second)
						}
						return nil
					}
				})
				b.f.end(r.Job, c.phase, "Whatever")
				b.pass(3 * time.Second)
				before := strings.Join(append(b.events(Good), b.events(Warn)...), "|")
				must(t, "moved was said before the listing", strings.Contains(before, "is moved"), false)
				must(t, "still moving", b.snap().Backups[0].Moving, true)
				b.pass(10 * time.Second)
				got := strings.Join(b.events(c.level), "|")
				must(t, c.what+" in "+got, strings.Contains(got, c.says), true)
				for _, x := range b.snap().Backups {
					must(t, "moving at the end", x.Moving, false)
				}
				must(t, "moves sent", b.f.asked("transfer"), 1)
			})
		})
	}
}

// A listing that was asked for before a move's job ended says nothing of the move, nor does one that an older one overtook.
func TestFault_JOB04_OnlyALaterListingCounts(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		r, err := b.do(send(appliance.VerbMove, "/mnt/nas"))
		must(t, "error", err, nil)
		w := b.e.byName["dc1"]
		take := func(list appliance.BackupList) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.takeBackups(list)
			w.publish()
		}
		early, err := b.f.Backups(t.Context())
		must(t, "error", err, nil)
		b.pass(time.Second)
		b.f.with(func() {
			b.f.backups[0].Locations = []appliance.Location{"/mnt/nas"}
			b.f.before = func(_ context.Context, call string) error {
				if call == "backups" {
					<-time.After(5 * time.Second)
				}
				return nil
			}
		})
		b.f.end(r.Job, appliance.PhaseSucceeded, "Complete")
		b.pass(3 * time.Second)
		take(early)
		must(t, "said by the early listing", len(b.events(Warn)), 0)
		b.pass(5 * time.Second)
		must(t, "said by the later one", strings.Contains(strings.Join(b.events(Good), "|"), "is moved to /mnt/nas"), true)
		take(early)
		must(t, "locations after the overtaken one", b.snap().Backups[0].Locations[0], "/mnt/nas")
	})
}

func TestFault_JOB08_CopySaysSuccessAndIsNotListed(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		r, err := b.do(send(appliance.VerbCopy, "/mnt/nas"))
		must(t, "error", err, nil)
		b.f.end(r.Job, appliance.PhaseSucceeded, "Complete")
		b.pass(5 * time.Second)
		must(t, "good", strings.Join(b.events(Good), "|"),
			"started the copy of nightly to /mnt/nas, job 1|job 1 (copy of nightly to /mnt/nas) ended: Complete")
		must(t, "warning", strings.Contains(strings.Join(b.events(Warn), "|"), "is not listed at /mnt/nas although"), true)
	})
}

func TestJobThatFailedIsAnAlarmWithItsWords(t *testing.T) {
	run(t, withNightly, func(t *testing.T, b *bench) {
		r, err := b.do(send(appliance.VerbPush, "198.18.0.9"))
		must(t, "error", err, nil)
		must(t, "push", b.snap().Push, Push{Ours: true, Job: r.Job, Destination: "198.18.0.9"})
		b.f.with(func() { b.f.jobs[0].Messages = []appliance.Text{appliance.Words("target is full")} })
		b.f.end(r.Job, appliance.PhaseProblem, "Stopped_With_Error")
		b.pass(5 * time.Second)
		must(t, "alarm", strings.Join(b.events(Alarm), "|"),
			"job 1 (push of nightly to 198.18.0.9) ended: Stopped_With_Error: target is full")
		must(t, "push", b.snap().Push, Push{})
	})
}

func TestDestinations(t *testing.T) {
	run(t, func(b *bench, o *Options) {
		withNightly(b, o)
		share := nightly()
		share.ID, share.Size, share.Locations = "aaaaaaaa-08d1-49b5-b7f3-7e8edc4fd278", 95, []appliance.Location{"/mnt/seen"}
		b.f.backups = append(b.f.backups, share)
		o.Members = []Member{
			{Appliance: b.f, Name: "dc1", Kind: appliance.LXCA, Address: "198.18.0.1", MountPoints: []appliance.Location{"/mnt/nas"}},
			{Appliance: b.add("dc2"), Name: "dc2", Kind: appliance.LXCA, Address: "198.18.0.2"},
			{Appliance: b.add("dc3"), Name: "dc3", Kind: appliance.LXCA},
			{Appliance: b.add("x"), Name: "x", Kind: appliance.ECB},
		}
	}, func(t *testing.T, b *bench) {
		in, out := b.snap().Backups[0].Backup, b.snap().Backups[1].Backup
		show := func(backup appliance.Backup, verb appliance.Verb) string {
			var lines []string
			for _, d := range b.e.Destinations("dc1", backup, verb) {
				lines = append(lines, d.Value+"="+d.Label+"="+d.WhyNot)
			}
			return strings.Join(lines, "\n")
		}
		must(t, "copy from internal", show(in, appliance.VerbCopy),
			"internal=internal=it lies there already\n/mnt/nas=/mnt/nas=\n/mnt/seen=/mnt/seen=")
		must(t, "copy from a share", show(out, appliance.VerbCopy),
			"internal=internal=not enough space: 95 B needed, 90 B free\n"+
				"/mnt/nas=/mnt/nas=only internal can be copied from to a share; copy it to internal first\n"+
				"/mnt/seen=/mnt/seen=it lies there already")
		must(t, "move", show(in, appliance.VerbMove),
			"internal=internal=moving to internal is not described by the vendor; copy it, then delete the original\n"+
				"/mnt/nas=/mnt/nas=\n/mnt/seen=/mnt/seen=")
		must(t, "move of what is on a share", b.e.Destinations("dc1", out, appliance.VerbMove)[1].WhyNot,
			"only a backup that lies in internal can be moved")
		must(t, "push", show(in, appliance.VerbPush), "198.18.0.2=dc2 (198.18.0.2)=\n=dc3=its settings name no address")
	})
}

func TestNotices(t *testing.T) {
	run(t, func(b *bench, _ *Options) {
		now := b.clock.Now().Wall
		old := nightly()
		old.Created = now.Add(-9 * 24 * time.Hour)
		b.f.backups = []appliance.Backup{old}
		b.f.health.PasswordDays = 3
		b.f.health.Peer = appliance.Peer{NotAfter: now.Add(5*24*time.Hour + time.Hour), Old: true, Protocol: "TLS 1.0"}
		b.f.health.NoLocks = "standby"
	}, func(t *testing.T, b *bench) {
		texts := func() string {
			var all []string
			for _, n := range b.snap().Notices {
				all = append(all, n.Text)
			}
			return strings.Join(all, "|")
		}
		must(t, "notices", texts(), "no locks here: standby|password ends in 3 days|certificate ends in 5 days|"+
			"it speaks TLS 1.0 only, which is allowed by min_tls|newest backup is 9 days old")
		b.f.with(func() {
			b.f.health = appliance.Health{PasswordDays: -1, MayChange: true}
			b.f.health.Peer.NotAfter = b.clock.Now().Wall.Add(-time.Hour)
			b.f.backups = nil
		})
		b.pass(time.Minute + time.Second)
		must(t, "notices", texts(), "certificate ended on 1999-12-31|no backup at all")
		b.f.with(func() { b.f.health.Peer = appliance.Peer{} })
		b.f.with(func() { b.f.backups = []appliance.Backup{{ID: "x", Created: b.clock.Now().Wall}} })
		b.pass(time.Minute + time.Second)
		must(t, "notices", texts(), "")
	})
}
