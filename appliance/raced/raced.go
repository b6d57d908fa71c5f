// Package raced tells tests whether the race detector is on, under which everything takes many times as long: what finds no further
// race when it is done more often is done less often then. The full counts are those of a common run.
package raced

// Or is whole in a common run of the tests, and watched in one with the race detector.
func Or(whole, watched int) int {
	if on {
		return watched
	}
	return whole
}
