//go:build !race

package chaos

// migrationShare of the migrations is in the common tests.
const migrationShare = share
