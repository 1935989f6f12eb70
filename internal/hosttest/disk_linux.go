// This file makes small disks.

package hosttest

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// Disk returns a folder on a disk of its own, until the test ends. options are tmpfs's, such
// as "size=1m,nr_inodes=1000". Only root mounts one; without it the test is skipped.
func Disk(t testing.TB, options string) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("disk", dir, "tmpfs", 0, options)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skipf("only root mounts a disk: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
