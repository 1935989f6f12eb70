//go:build unix

package bundle

import (
	"os"
	"syscall"
)

// ours refuses what somebody else may write to.
func ours(path string) error {
	info, err := os.Stat(path) //nolint:gosec // the folder of trust that the station named
	if err != nil {
		return &TrustError{path, err.Error()}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return &TrustError{path, "others than root may write there: chown root, chmod go-w"}
	}
	return nil
}
