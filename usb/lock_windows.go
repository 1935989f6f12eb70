package usb

import "io/fs"

// LockDir is where locks are, for all users of this machine.
const LockDir = `C:\ProgramData\zarya\lock`

const noFollow = 0 // only administrators make links there

// isShared does not know better: modes say nothing about users on Windows.
func isShared(fs.FileInfo) bool { return true }

func ownedByUs(fs.FileInfo) bool { return false }
