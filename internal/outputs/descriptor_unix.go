//go:build unix

package outputs

import "golang.org/x/sys/unix"

// inherited reports whether a descriptor was given to this process: what it opened itself
// is closed on exec; what it was given is not.
func inherited(fd uintptr) bool {
	flags, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}
