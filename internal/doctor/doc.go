// Package doctor finds out whether a machine can flash tablets, and what would help.
//
// [Examine] looks at permissions, the kernel's settings for USB, which tablets share
// which wire, slow ports, over-current, other programs, disk and clock. Each answer is a
// [Finding]: how bad it is, what it is about, what is so, what a person can do, and for
// some what [Finding.Mend] can do itself. Findings are data: cmd prints them, another
// front end shows them in its own way. Nothing is changed before Mend is called.
//
// What is read is below one folder, "/" on a real machine, so that a test can make a
// machine with any fault.
package doctor
