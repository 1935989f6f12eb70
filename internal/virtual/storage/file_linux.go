// This file has what Linux does better than everyone else: holes, and copies inside the
// kernel. It also has the download buffer, a file without a name.

package storage

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// punchHole makes n bytes of a file zeros that take no room.
func punchHole(f *os.File, off, n int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return errors.ErrUnsupported
	}
	return err
}

// copyInKernel copies as many of n bytes as the kernel takes, and returns how many.
func copyInKernel(dst *os.File, to int64, src *os.File, from, n int64) (done int64) {
	for done < n {
		k, err := unix.CopyFileRange(int(src.Fd()), &from, int(dst.Fd()), &to, int(min(n-done, 1<<30)), 0)
		if err != nil || k == 0 {
			break // the caller copies the rest
		}
		done += int64(k)
	}
	return done
}

// OpenBuffer returns an empty store in a file of dir that has no name: it is gone when it
// is closed, and when the program ends.
func OpenBuffer(dir string) (Store, error) {
	f, err := os.CreateTemp(dir, ".download-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return file{f}, nil
}
