// This file asks Linux who a file is and where its holes are.

package image

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func identify(f *os.File) (identity, error) {
	c, err := f.SyscallConn()
	if err != nil {
		return identity{}, err
	}
	var st unix.Stat_t
	if cerr := c.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &st) }); cerr != nil { //nolint:gosec // a descriptor is an int
		return identity{}, cerr
	}
	return identity{dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano()}, err
}

// data finds the next data of a file at or after off: [from, to). Where the file
// system does not tell, everything is data.
func data(f *os.File, off, size int64) (from, to int64) {
	from, err := f.Seek(off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size
	}
	if err != nil || from < off {
		return off, size
	}
	if to, err = f.Seek(from, unix.SEEK_HOLE); err != nil || to <= from {
		to = size
	}
	return min(from, size), min(to, size)
}
