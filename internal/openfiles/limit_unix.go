//go:build unix

package openfiles

import "golang.org/x/sys/unix"

// Limit returns how many files this process may have open; 0 is not known.
func Limit() int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<40 {
		return 0 // there is none
	}
	return int64(limit.Cur)
}
