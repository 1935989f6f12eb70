// This file keeps secrets out of core dumps.

package recipe

import "golang.org/x/sys/unix"

// forbidCoreDumps makes sure that no core dump and no other process of this user can show
// what is in memory.
func forbidCoreDumps() {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // a limit can always be lowered
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)     // never fails with 0
}
