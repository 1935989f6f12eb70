// This file lets the kernel move a file to a socket (sendfile(2)).

package fastboot

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// SendFile sends n bytes of f from off on as one message.
func (s *Stream) SendFile(ctx context.Context, f *os.File, off, n int64) error {
	conn, ok := s.conn.(syscall.Conn)
	if !ok {
		return s.copyFile(ctx, f, off, n)
	}
	defer guard(ctx, s.conn)()
	to, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	from, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var head [8]byte
	binary.BigEndian.PutUint64(head[:], uint64(n)) //nolint:gosec // not negative
	if _, err := s.conn.Write(head[:]); err != nil {
		return orContext(ctx, err)
	}
	var failed error
	full := false
	err = to.Write(func(socket uintptr) bool {
		if full {
			setLowWater(socket, 0)
			full = false
		}
		for n > 0 {
			var sent int
			if cerr := from.Control(func(file uintptr) {
				sent, failed = unix.Sendfile(int(socket), int(file), &off, int(n))
			}); cerr != nil {
				failed = cerr
			}
			switch {
			case failed == nil && sent == 0:
				failed = io.ErrUnexpectedEOF // the file is shorter than it was
				return true
			case failed == nil:
				n -= int64(sent)
			case errors.Is(failed, unix.EINTR):
			case errors.Is(failed, unix.EAGAIN):
				failed, full = nil, true
				setLowWater(socket, lowWater)
				return false
			default:
				failed = os.NewSyscallError("sendfile", failed)
				return true
			}
		}
		return true
	})
	if failed != nil {
		err = failed
	}
	return orContext(ctx, err)
}

// lowWater is how many bytes may still be unsent when a full socket wakes its writer. The
// kernel's own rule is two thirds of the buffer: three times as many wakes for the same
// bytes. Half of it (tcp_stream_memory_free in Linux) lasts 6 ms at 40 MB/s.
const lowWater = 512 << 10

// setLowWater says when a socket counts as writable (tcp(7), TCP_NOTSENT_LOWAT); 0 is the
// kernel's own rule. Where there is none, nothing is lost but the saving.
func setLowWater(socket uintptr, n int) {
	_ = unix.SetsockoptInt(int(socket), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n)
}
