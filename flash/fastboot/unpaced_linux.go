// This file keeps the host's congestion control out of a tablet's way.

package fastboot

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unpaced chooses Reno for a socket, which every Linux has and lets everybody choose
// (tcp(7), TCP_CONGESTION). It sends what the window allows; a host's own choice may be
// one that paces (BBR), whose timers cost more than moving the bytes and gain nothing
// where the tablet is one hop away. A kernel that refuses keeps its own.
func unpaced(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno")
	})
}
