//go:build !race

package cli

// Each act is killed at each point.
const pointsOfEach = 6
