package fault

import (
	"math/rand/v2"
	"time"
)

// Random is a ready mix of all faults that a network and what stands in it can make: each request has one with the
// probability rate. What it draws follows from the seed, the appliance's name and the order of its requests. Limit it
// with the other members, For being the longest delay.
func Random(seed uint64, rate float64) Rule { return Rule{Kind: Mix, P: rate, Seed: seed} }

// shares is how often each kind comes, in parts of their sum.
var shares = []struct {
	kind Kind
	part int
}{{DropBefore, 4}, {DropAfter, 6}, {Reset, 5}, {DelayEffect, 4}, {DelayAnswer, 2}, {Cut, 4}, {Status, 4}, {HTML, 3}, {Drip, 1},
	{BlackHole, 1}}

// defaultLongest is the longest delay of a random fault.
const defaultLongest = time.Minute

// draw makes a random rule one of another kind.
func (r Rule) draw(rng *rand.Rand) Rule {
	sum := 0
	for _, m := range shares {
		sum += m.part
	}
	n := rng.IntN(sum)
	i := 0
	for n >= shares[i].part {
		n -= shares[i].part
		i++
	}
	longest := r.For
	if longest <= 0 {
		longest = defaultLongest
	}
	r.Kind, r.For = shares[i].kind, 0
	later := func() time.Duration { return 1 + time.Duration(rng.Int64N(int64(longest))) }
	switch r.Kind {
	case DelayEffect:
		r.Late = later()
	case DelayAnswer:
		r.For = later()
	case Cut:
		r.Head, r.share = true, rng.Float64()
	case Drip:
		r.Bytes = 50 + rng.IntN(1000)
	case Status:
		r.Status = []int{500, 502, 503, 504}[rng.IntN(4)]
		if r.Status == 503 && rng.IntN(2) == 0 {
			r.RetryAfter = time.Duration(1+rng.IntN(10)) * time.Second
		}
	case HTML: // no 401, for that says something about a password
		r.Status = []int{200, 502, 503, 504}[rng.IntN(4)]
	}
	if kinds[r.Kind].takes("effect") {
		r.Effect = []Effect{None, Done, Late}[rng.IntN(3)]
		if r.Effect == Late {
			r.Late = later()
		}
	}
	return r
}
