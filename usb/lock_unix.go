//go:build unix

package usb

import (
	"io/fs"
	"os"
	"syscall"
)

// LockDir is where locks are, for all users of this machine.
const LockDir = "/run/lock/zarya"

// noFollow keeps a lock from being somebody's link to another file.
const noFollow = syscall.O_NOFOLLOW

func isShared(info fs.FileInfo) bool {
	return info.Mode()&(fs.ModePerm|fs.ModeSticky) == sharedDir
}

func ownedByUs(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
