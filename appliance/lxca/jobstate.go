package lxca

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"holdfast/appliance"
)

// judge says what state a job is in, verbatim, and what we make of it (api/lxca.md 4.3). A job has ended at 100 % or when
// its state says so. It succeeded only if its state, every part of it, and its own result say exactly that; any other end
// is a problem (faults.md JOB-07, JOB-08).
func judge(v value, percent float64, children []appliance.Job) (appliance.Text, appliance.Phase) {
	states := statesOf(v)
	ended, complete := percent >= 100, len(states) > 0
	for _, s := range states {
		ended = ended || ends(s)
		complete = complete && plain(s) == "complete"
	}
	for _, child := range children {
		complete = complete && child.Phase == appliance.PhaseSucceeded
	}
	complete = complete && !envelope(v).failed
	state := appliance.Label(strings.Join(states, " / "))
	switch {
	case ended && complete:
		return state, appliance.PhaseSucceeded
	case ended:
		return state, appliance.PhaseProblem
	case len(states) == 0:
		return state, appliance.PhaseUnknown
	default:
		return state, livePhase(states[0])
	}
}

// statesOf are the different states that a job gives itself under its names, the one on /tasks first.
func statesOf(v value) []string {
	status := v.get("status")
	var states []string
	for _, s := range []value{status, status.get("state", "status"), v.get("jobState"), v.get("state")} {
		if w := s.word(); w != "" {
			states = appendNew(states, w)
		}
	}
	return states
}

// plain is a state without regard to how its words are joined.
func plain(state string) string {
	return strings.ToLower(strings.NewReplacer("_", "", " ", "", "-", "").Replace(state))
}

// ends reports whether a state is one after which nothing more comes.
func ends(state string) bool {
	return slices.ContainsFunc([]string{"complete", "stopped", "cancel", "abort", "interrupt"}, func(prefix string) bool {
		return strings.HasPrefix(plain(state), prefix)
	})
}

// livePhase is the phase of a job that has not ended. Most of these words are guesses: the vendor lists none.
func livePhase(state string) appliance.Phase {
	switch plain(state) {
	case "pending", "queued", "scheduled", "waiting", "notstarted", "created":
		return appliance.PhasePending
	case "running", "inprogress", "started", "starting", "executing", "active", "processing":
		return appliance.PhaseRunning
	default:
		return appliance.PhaseUnknown
	}
}

// percent is how far a job is, from 0 to 100; negative when it does not tell.
func percent(v value) float64 {
	told := v.get("percentage", "percent", "progress")
	if told.kind == absent {
		told = v.get("status").get("percentage", "percent", "progress")
	}
	told.text = strings.TrimSpace(strings.TrimSuffix(told.word(), "%"))
	f, ok := told.float()
	if !ok {
		return -1
	}
	return max(0, min(100, f))
}

// title is what a job is about, from whatever name it has; arguments are inserted where the title says {0}, {1}.
func title(v value) appliance.Text {
	for _, key := range titleKeys {
		if t := prose(fillIn(flat(v.get(key)), v)); !t.Empty() {
			return shorten(t)
		}
	}
	return shorten(prose(fillIn(flat(v.get("description")), v)))
}

// shorten makes a label of a message.
func shorten(t appliance.Text) appliance.Text { return appliance.Label(t.String()) }

// maxArgs is how many arguments of a job are inserted into its title.
const maxArgs = 16

// fillIn inserts a job's arguments into its title. However often the title asks for however long an argument, what comes
// of it is no longer than a message (faults.md NET-04).
func fillIn(s string, v value) string {
	const longest = utf8.UTFMax * appliance.MessageLimit // in bytes
	if !strings.Contains(s, "{") {
		return s
	}
	var args []string
	for _, arg := range v.get("args", "messageParameters").kids {
		if len(args) == maxArgs {
			break
		}
		args = append(args, arg.label().String())
	}
	var b strings.Builder
	for b.Len() < longest {
		before, rest, found := strings.Cut(s, "{")
		b.WriteString(before)
		if !found {
			break
		}
		digits := strings.IndexByte(rest[:min(len(rest), len("15}"))], '}')
		n, err := strconv.Atoi(rest[:max(0, digits)])
		if s = rest; err == nil && 0 <= n && n < len(args) {
			b.WriteString(args[n])
			s = rest[digits+1:]
		} else {
			b.WriteByte('{')
		}
	}
	return b.String()
}

// jobMessages are the texts of a job that are more than its title, name.
func jobMessages(v value, name appliance.Text) []appliance.Text {
	var told []string
	for _, key := range messageKeys {
		told = append(told, lines(v.get(key))...)
	}
	told = append(told, lines(v.get("status").get("description"))...)
	var messages []appliance.Text
	for _, line := range told {
		if t := prose(line); !t.Empty() && t != name && len(messages) < maxLines {
			messages = appendNew(messages, t)
		}
	}
	return messages
}

// jobFields are the attributes of a job except its parts. Links that lead elsewhere are left out: one is shown only when
// it is a path on the appliance itself (faults.md JOB-12).
func jobFields(v value) []appliance.Field {
	without := slices.Clone(childKeys)
	if v.get("status").kind == object {
		without = append(without, "status")
	}
	for _, key := range cancelKeys {
		if link := v.get(key).word(); !strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//") {
			without = append(without, key)
		}
	}
	return v.fields(without...)
}
