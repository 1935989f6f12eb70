// Package overssh reaches booted tablets over SSH, for the steps of package provision.
//
// A [Login] is a flash.System: it logs in by password or key, holds the tablet to its host
// key, and gives a [Session], which is a provision.Device. Programs go through the login's
// shell as quoted words, as root by devel-su or sudo; no file but commands.go makes a command
// line. Files go by SFTP, and where a tablet has no server of files (small systems with
// dropbear), by a few commands with POSIX's tools; either way a new file takes its place in
// one step, so that a cut connection leaves the old one or the new one.
//
// The tablet is not trusted. Each call has a limit of time and of bytes (budget.go), at whose
// end the connection is closed, and its words are cleaned before anybody sees them. A broken
// connection is a *flash.Failure of class cable, after which the engine may begin again; a
// refused login or another host key is one that no further try mends.
package overssh
