// Package chaos is nothing but a test: thousands of random operations on simulated appliances, through the real clients over
// TLS in memory, with the real journal and tokens, while everything goes wrong that package sim/fault knows, engines crash and
// start again, clocks jump, and others use the same appliances. A checker holds what really happened (the truth log), what the
// journal was told, and every snapshot that a screen would be given, against each other (faults.md I1 to I9).
//
//	go test ./appliance/chaos                                   a twentieth
//	go test ./appliance/chaos -v -chaos.full                    all of it: 20,000 faults, 40,000 operations, 1,000 lock-hours,
//	                                                            10,000 migrations, every crash point three times
//	go test ./appliance/chaos -run Chaos -chaos.seed=7 -v       one seed again
//	go test ./appliance/chaos -run Chaos -chaos.faults=1000000 -timeout 0
//	go test ./appliance/chaos -run Hours -chaos.hours=100000
//	go test ./appliance/chaos -run Migrations -chaos.migrations=100000 -timeout 0
//
// A seed decides what is done, what goes wrong and how often; which of two goroutines is first, it does not. So the same seed
// gives much the same run, not the very same.
//
// What the checker lets pass, as nothing that is offered could tell it: an ECB's lock whose request took effect after its client had
// asked whose the lock is, and was told that it is not ours (hold.late, counted); the lock of an ECB whose engine has ended, once
// our wall clock was set (lostByOurClock); how long a lock of an ended engine lasts, once it was set back (wasSetBackSince); and that
// two requests for a lock asked for the very same time, of which each run asks for another (world.mark).
package chaos
