// Package hosttest gives tests the ends of this machine without its end: a disk of a few MiB
// that can be filled, a process that has no file left to open.
package hosttest
