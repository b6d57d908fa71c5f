package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/fleet"
)

// named is what leaveAll left.
func named(id uint64) []string {
	return []string{
		fmt.Sprintf("intent%d", id), fmt.Sprintf("holding%d", id), fmt.Sprintf("transit%d", id), fmt.Sprintf("migration%d", id),
	}
}

// Of several engines that run when a holder is killed, each thing that it had goes to exactly one.
func TestFault_JNL06_OneHeir(t *testing.T) {
	for _, processes := range []int{2, 8} {
		t.Run(strconv.Itoa(processes), func(t *testing.T) {
			t.Parallel()
			_, path := folder(t)
			holder := child(t, "wait", journalEnv(path, "holder")...)
			in, out := pipes(t, holder)
			defer in.Close()
			id, err := strconv.ParseUint(firstLine(t, out), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			type heir struct {
				cmd *exec.Cmd
				in  io.WriteCloser
				out *bufio.Reader
			}
			heirs := make([]heir, processes)
			for i := range heirs {
				cmd := child(t, "heir", journalEnv(path, fmt.Sprintf("heir%d", i))...)
				in, out := pipes(t, cmd)
				heirs[i] = heir{cmd, in, bufio.NewReader(out)}
			}
			hear := func() (all []string) {
				for i, h := range heirs {
					line, err := h.out.ReadString('\n')
					if err != nil {
						t.Fatalf("heir %d: %v", i, err)
					}
					all = append(all, strings.Fields(line)...)
				}
				return all
			}
			if got := hear(); got != nil {
				t.Errorf("adopted %q of an engine that runs", got)
			}
			if err := holder.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := holder.Wait(); err == nil {
				t.Error("it was not killed")
			}
			for _, want := range [][]string{named(id), nil} { // what is taken over stays with whoever has it
				for _, h := range heirs {
					if _, err := fmt.Fprintln(h.in); err != nil {
						t.Fatal(err)
					}
				}
				got := hear()
				slices.Sort(got)
				slices.Sort(want)
				if !slices.Equal(got, want) {
					t.Errorf("adopted %q, want %q", got, want)
				}
			}
			for i, h := range heirs {
				if err := errors.Join(h.in.Close(), h.cmd.Wait()); err != nil {
					t.Errorf("heir %d: %v", i, err)
				}
			}
		})
	}
}

// Of what was left only that is taken over which is about the lock that is meant, with the locks that extend it or that it extends;
// the rest stays for the next.
func TestFault_JNL05_OnlyTheLockThatIsMeant(t *testing.T) {
	_, path := folder(t)
	one := opened(t, path, "one")
	put := func(where string, lock, replaces int, scope string) {
		h := fleet.Holding{Appliance: where, Lock: nthLock(lock), Scope: scope, Who: "maria", State: fleet.HoldingHeld}
		if replaces > 0 {
			h.Replaces = nthLock(replaces)
		}
		hold(t, one, h)
	}
	put("dc1", 1, 0, "UP")
	put("dc1", 2, 1, "UP")
	put("dc1", 3, 2, "UP")
	put("dc1", 4, 0, "UP")
	put("dc1", 5, 4, "FC")
	put("dc2", 3, 4, "UP")
	asked := func(verb appliance.Verb, lock int, scope string) {
		act := appliance.Act{Verb: verb, Claim: appliance.Claim{Scope: scope}}
		if lock > 0 {
			act.Lock.ID = nthLock(lock)
		}
		if _, err := one.Intend(t.Context(), fleet.Intent{Who: "maria", Appliance: "dc1", Act: act}); err != nil {
			t.Fatal(err)
		}
	}
	asked(appliance.VerbAcquire, 0, "UP")
	asked(appliance.VerbExtend, 1, "UP")
	asked(appliance.VerbRelease, 4, "")
	asked(appliance.VerbAcquire, 0, "FC")
	track(t, one, someTransit(intend(t, one, 1)))
	closed(t, one)
	take := func(engine, where string, only fleet.Only) string {
		e, err := opened(t, path, engine).Adopt(t.Context(), []string{where}, only)
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, h := range e.Holdings {
			text += " " + strings.TrimLeft(string(h.Lock), "0")
		}
		for _, r := range e.Intents {
			text += fmt.Sprintf(" %s:%s%s", r.Act.Verb, strings.TrimLeft(string(r.Act.Lock.ID), "0"), r.Act.Claim.Scope)
		}
		return fmt.Sprintf("%s, %d transfers", text, len(e.Transits))
	}
	byID := func(i int) fleet.Only {
		return func(_ string, lock appliance.LockID, _ string) bool { return lock == nthLock(i) }
	}
	for i, c := range []struct {
		where string
		only  fleet.Only
		want  string
	}{
		{"dc1", byID(9), ", 0 transfers"},
		{"dc1", byID(2), " 1 2 3 extend:1UP, 0 transfers"},
		{"dc1", func(_ string, _ appliance.LockID, scope string) bool { return scope == "FC" }, " 4 5 release:4 acquire:FC, 0 transfers"},
		{"dc1", byID(2), ", 0 transfers"},
		{"dc2", byID(3), " 3, 0 transfers"},
		{"dc1", nil, " acquire:UP, 0 transfers"},
	} {
		if got := take(fmt.Sprintf("heir%d", i), c.where, c.only); got != c.want {
			t.Errorf("%d: took%s, want%s", i, got, c.want)
		}
	}
	if got := take("last", "dc1-lxca", nil); !strings.HasSuffix(got, ", 1 transfers") {
		t.Errorf("took%s", got)
	}
}
