// Package target is where tablets are: it finds the place that a person names, says what
// is in it, locks it for one process, and opens the tablet there.
//
// A [Bench] is one station's view of its places, with the station's settings: where the
// kernel shows its devices, how the hub ports are called, where locks are kept. Everything
// begins with one:
//
//	bench := target.NewBench(target.Options{Names: "/etc/zarya/ports"})
//	defer bench.Close()
//	targets, err := bench.Resolve([]string{"port:A*", "tcp:10.0.0.5"})
//	release, err := bench.Lock(ctx, targets[0], "me", time.Minute)
//
// A [Target] is a place, not a tablet: a hub port ([USB]) or a network address
// ([Network]). A tablet that restarts into another mode, with another serial or on
// another bus, is still in its port, so a job keeps its target from the first packet to
// the last. Targets are values; any number of goroutines may use them, but the engine
// gives a target to one worker at a time.
//
// What is plugged in is read from sysfs, and no device is opened for it. All who ask
// share one reading: it is done again when the kernel reports a change, or after a
// second. [Bench.Watch] reports arrivals and departures as targets; [USB.Changed] lets
// the owner of one port wait for the next event there.
//
// The package has no globals and writes to no terminal. An error that a person can
// mend is of package problem; what is wrong with a tablet or its cable is a
// *flash.Failure.
//
// It has more files than others, and short ones: one for each way to a tablet, and one a
// system for what systems differ in.
package target
