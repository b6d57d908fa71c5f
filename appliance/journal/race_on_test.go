//go:build race

package journal

// The race detector makes SQLite, which is Go here, ten times slower: it sees fewer of the same faults.
const (
	damagedPlaces = 12 // in each of six ways
	startsOfEach  = 4  // of two and of eight processes
	daysOfAYear   = 20
)
