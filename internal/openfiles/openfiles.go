// Package openfiles knows how many files this process has open, and how many it may have.
//
// Each connection to a tablet takes some. One that finds none left fails with words that
// sound like a broken cable, so a run is refused before it begins where [Limit] is too
// small for it, and a failure in its midst is told apart by [Exhausted]. The limit that
// counts is the hard one: the runtime of Go raises the soft one to it (package os).
package openfiles

import (
	"errors"
	"os"
	"syscall"
)

// namesAtOnce is how many names of open files are read at once.
const namesAtOnce = 64

// InUse returns how many files this process has open; 0 where the system does not report.
func InUse() (n int64) {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return 0
	}
	defer func() { _ = dir.Close() }() // it was only read
	for {
		names, err := dir.Readdirnames(namesAtOnce)
		n += int64(len(names))
		if err != nil {
			return n
		}
	}
}

// Exhausted reports whether err says that this process or this machine has too many files
// open.
func Exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// Probe opens a file and returns the error if that fails because too many are open.
func Probe() error {
	f, err := os.Open(os.DevNull)
	if err == nil {
		return f.Close()
	}
	if Exhausted(err) {
		return err
	}
	return nil
}
