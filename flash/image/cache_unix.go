//go:build unix

package image

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// private returns an error if others could put their bytes under our digests in dir.
func private(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return errors.New("the folder must be ours, and nobody else may write in it (chmod 700)")
	}
	return nil
}

// onDisk is how many bytes of the disk a file takes, without its holes.
func onDisk(info fs.FileInfo) int64 {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return info.Size()
	}
	return st.Blocks * 512
}
