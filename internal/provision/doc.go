// Package provision is the steps on the booted tablet, over SSH: each reads, changes
// only what differs, and reads back. Files go by SFTP; everything else goes through
// the closed table of commands in commands.go.
//
// It has a file for each kind of setting, so that a new one is a new file.
package provision
