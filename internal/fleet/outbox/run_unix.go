//go:build unix

// This file tells a ledger's file from a copy of it.

package outbox

import (
	"os"
	"strconv"
	"syscall"
)

// fileID is what the file system calls a file; "" if it is not there.
func fileID(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return strconv.FormatUint(s.Ino, 16)
	}
	return ""
}
