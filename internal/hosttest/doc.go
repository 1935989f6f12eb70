// Package hosttest puts a test into the states of a machine that has run out of something: a disk
// of a few MiB that can be filled ([Disk]), a process that has no file left to open. Each is over
// when the test ends, and skips the test where this user may not make it.
package hosttest
