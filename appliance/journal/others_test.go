package journal

import (
	"fmt"
	"slices"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// What others have under way is told, whether they run or not, and of transfers also those that were over meanwhile.
func TestFault_JOB01_OthersUnderWay(t *testing.T) {
	_, path := folder(t)
	j, k, l := opened(t, path, "first"), opened(t, path, "second"), opened(t, path, "third")
	act := func(v appliance.Verb) fleet.Intent {
		in := fleet.Intent{Who: "maria", Appliance: "dc1-lxca", Act: appliance.Act{Verb: v}}
		if v == appliance.VerbAcquire {
			in.Act.Claim.Scope = "UP"
		} else {
			in.Act.Transfer = appliance.Transfer{Verb: v, Backup: "4edf27ff-08d1-49b5-b7f3-7e8edc4fd278"}
		}
		return in
	}
	begun := func(j *Journal, v appliance.Verb, tracked bool) uint64 {
		t.Helper()
		id, err := j.Intend(t.Context(), act(v))
		if err != nil {
			t.Fatal(err)
		}
		if tracked {
			track(t, j, someTransit(id))
		}
		return id
	}
	done := func(j *Journal, id uint64) {
		t.Helper()
		if err := j.Settle(t.Context(), id, fleet.OutcomeDone, ""); err != nil {
			t.Fatal(err)
		}
		if err := j.Ended(t.Context(), id, someEnding()); err != nil {
			t.Fatal(err)
		}
	}
	done(k, begun(k, appliance.VerbPush, true)) // before ours
	begun(l, appliance.VerbMove, true)
	lock := begun(k, appliance.VerbAcquire, false)
	check := func(what string, want ...string) {
		t.Helper()
		e, err := j.Others(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range e.Intents {
			got = append(got, fmt.Sprintf("%s by %s %s", r.Act.Verb, r.Engine, r.Outcome))
		}
		for _, x := range e.Transits {
			got = append(got, fmt.Sprintf("job %s by %s", x.Job, x.Engine))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	check("before ours", "move by third ", "acquire by second ", "job 17 by third")
	mine := begun(j, appliance.VerbCopy, true)
	done(k, begun(k, appliance.VerbPush, true))
	done(k, lock)
	check("beside ours", "move by third ", "push by second done", "job 17 by third")
	closed(t, l)
	check("when it has ended", "move by third ", "push by second done", "job 17 by third")
	done(j, mine)
	check("after ours", "move by third ", "job 17 by third")
}
