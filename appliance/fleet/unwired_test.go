package fleet

import (
	"testing"

	"holdfast/appliance"
	"holdfast/appliance/policy"
)

// What the vocabulary has a word for and the engine no way to do is refused, and never taken for something else.
func TestVerbsWithoutAWay(t *testing.T) {
	admin := policy.Person{Name: "maria", Role: policy.Admin}
	run(t, func(b *bench, _ *Options) {
		b.f.jobs = []appliance.Job{{ID: "1", Phase: appliance.PhaseRunning, Cancellable: true}}
	}, func(t *testing.T, b *bench) {
		for _, verb := range []appliance.Verb{
			appliance.VerbCreate, appliance.VerbDelete, appliance.VerbProcess, appliance.VerbPrepare, appliance.VerbRestore,
			appliance.VerbVerify, appliance.VerbSave, appliance.VerbActivate,
		} {
			act := appliance.Act{Verb: verb, Job: "1", Location: appliance.Everywhere}
			must(t, string(verb), b.e.WhyNot(admin, "dc1", act), "this appliance has no way from here to "+string(verb))
			_, err := b.e.Do(t.Context(), admin, "dc1", act)
			mustIs(t, err, ErrRefusedByUs)
		}
		must(t, "cancelled", b.f.asked("cancel job"), 0)
	})
}
