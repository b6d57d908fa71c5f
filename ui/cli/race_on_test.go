//go:build race

package cli

// The race detector makes a child several times slower: each act is then killed at two points, and each point is come to by
// several acts.
const pointsOfEach = 2
