//go:build !linux

package recipe

// forbidCoreDumps does nothing: only Linux lets a process ask for it.
func forbidCoreDumps() {}
