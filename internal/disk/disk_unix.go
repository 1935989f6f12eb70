//go:build unix

package disk

import "golang.org/x/sys/unix"

// Free returns the room for a user who is not root, in bytes.
func Free(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return int64(s.Bavail) * int64(s.Bsize), err //nolint:gosec,unconvert // no disk has 2^63 bytes; darwin's Bsize is an uint32
}

// Size returns the size of the disk, in bytes.
func Size(dir string) (int64, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return int64(s.Blocks) * int64(s.Bsize), err //nolint:gosec,unconvert // as above
}
