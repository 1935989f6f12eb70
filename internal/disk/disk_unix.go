//go:build unix

package disk

import "golang.org/x/sys/unix"

func look(dir string) (Room, error) {
	var s unix.Statfs_t
	err := unix.Statfs(dir, &s)
	return Room{
		Dir:   dir,
		Free:  int64(s.Bavail) * int64(s.Bsize), //nolint:gosec,unconvert // no disk has 2^63 bytes; darwin's Bsize is an uint32
		Size:  int64(s.Blocks) * int64(s.Bsize), //nolint:gosec,unconvert // as above
		Files: int64(s.Ffree),                   //nolint:gosec // nor so many files
		Most:  int64(s.Files),                   //nolint:gosec // nor so many files
	}, err
}
