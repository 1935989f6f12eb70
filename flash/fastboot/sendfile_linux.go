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
	err = to.Write(func(socket uintptr) bool {
		for n > 0 {
			var sent int
			if cerr := from.Control(func(file uintptr) {
				sent, failed = unix.Sendfile(int(socket), int(file), &off, int(n)) //nolint:gosec // descriptors are ints
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
				failed = nil
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
