//go:build !race

package journal

// The counts that faults.md asks for in JNL-02 (200 places) and JNL-05 (100 starts).
const (
	damagedPlaces = 34 // in each of six ways
	startsOfEach  = 10 // of two and of eight processes
	daysOfAYear   = 365
)
