// Package targettest has what a test of targets on USB needs and a machine without tablets
// does not have: a folder like Linux's /sys, into which tablets are plugged by the files that
// the kernel would show, and an adb server that sees them. The rig has the real ones.
package targettest
