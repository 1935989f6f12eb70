//go:build !linux

// This file has the portable form of what file_linux.go does.

package storage

import (
	"errors"
	"os"
)

func punchHole(*os.File, int64, int64) error { return errors.ErrUnsupported }

func copyInKernel(*os.File, int64, *os.File, int64, int64) int64 { return 0 }

// OpenBuffer returns an empty store in a file of dir that is removed when it is closed.
func OpenBuffer(dir string) (Store, error) {
	f, err := os.CreateTemp(dir, ".download-")
	if err != nil {
		return nil, err
	}
	return namedFile{file{f}}, nil
}

// namedFile is a file that some systems cannot remove while it is open.
type namedFile struct{ file }

func (f namedFile) Close() error { return errors.Join(f.File.Close(), os.Remove(f.Name())) }
