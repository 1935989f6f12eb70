// Package provision is the steps on the booted tablet: its settings, its files, programs and
// calls on its buses, and the checks that hold what it says of itself to what a profile says.
//
// A step that changes something is a setting (value.go): it makes the value that this tablet
// should have, reads what it has, changes only what differs, and reads back; it is done as
// "changed" or as "already". So a job can be run again, and a tablet that is as it should be
// can be told without touching it. A step that checks reads, and fails with what must be.
//
// Values are functions of the session ([Value]), because a tablet's serial, its identity or a
// secret are known only when the job is under way; asked too early they answer
// flash.ErrLater. Each value is made once before the first write, so that one that cannot be
// made stops the job there.
//
// The steps see the tablet as a [Device]: programs and files. Package overssh is the one that
// there is. A program is run as a list of words that a function named command… has made, never
// as a line for a shell; everything else is files, each put in its place in one step. There is a
// file for each kind of setting, with the commands that it alone runs.
package provision
