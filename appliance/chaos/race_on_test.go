//go:build race

package chaos

// migrationShare of the migrations is in the common tests: the race detector makes them many times slower.
const migrationShare = 10 * share
