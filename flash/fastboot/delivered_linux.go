// This file asks the kernel how much of what was written to a socket has arrived.

package fastboot

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// acknowledged returns the bytes that the peer of a TCP connection has acknowledged
// (tcp(7), TCP_INFO; Linux 4.1 and later).
func acknowledged(conn net.Conn) (int64, bool) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var info *unix.TCPInfo
	cerr := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if cerr != nil || err != nil {
		return 0, false
	}
	return int64(info.Bytes_acked), true //nolint:gosec // far below 2^63
}
