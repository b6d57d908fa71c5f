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
