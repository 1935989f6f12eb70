// This file finds out who uses a device.

package usb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Holders names the processes that have a device's node open, as "adb (process 123)".
// Without root only those of the same user are seen.
func Holders(proc, node string) []string {
	var names []string
	open, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd"))
	if err != nil {
		return nil
	}
	for _, dir := range open {
		process := filepath.Dir(dir)
		id := filepath.Base(process)
		files, err := os.ReadDir(dir)
		if err != nil || id == fmt.Sprint(os.Getpid()) {
			continue
		}
		for _, f := range files {
			if to, err := os.Readlink(filepath.Join(dir, f.Name())); err == nil && to == node {
				names = append(names, fmt.Sprintf("%s (process %s)", clean(strings.TrimSpace(attribute(process, "comm"))), id))
				break
			}
		}
	}
	return names
}
