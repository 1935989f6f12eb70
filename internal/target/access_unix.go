//go:build unix

package target

import "golang.org/x/sys/unix"

// mayUse returns why this process may not read and write a device's node, or nil.
func mayUse(node string) error { return unix.Access(node, unix.R_OK|unix.W_OK) }
