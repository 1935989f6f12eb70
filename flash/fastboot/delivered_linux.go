// This file asks the kernel how much of what was written to a socket has arrived.

package fastboot

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledged returns the bytes that the peer of a TCP connection has acknowledged and the
// window that it gives, 0 on kernels that do not say (tcp(7), TCP_INFO).
func acknowledged(conn net.Conn) (n, window int64, ok bool) {
	c, is := conn.(syscall.Conn)
	if !is {
		return 0, 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, 0, false
	}
	var info *unix.TCPInfo
	cerr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if cerr != nil || err != nil {
		return 0, 0, false
	}
	return int64(info.Bytes_acked), int64(info.Snd_wnd), true //nolint:gosec // far below 2^63
}
