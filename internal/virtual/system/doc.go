// Package system is the booted system of a virtual tablet: what comes up after reboot, if
// what was flashed is right, and what a host finds there over SSH.
//
// [System.Run] is one boot. It compares each partition that vbmeta names with its digest
// (device.VBMeta), mounts the ext4 image that was flashed, and then serves SSH until a host
// restarts the tablet. A tablet that does not boot listens nowhere, as one that hangs at
// its logo.
//
// Files come out of the image itself. What is written goes to an overlay that survives a
// restart (rootfs.go) and is emptied when system or userdata are flashed or erased
// ([System.Forget]). A few files are made up as a kernel does: the command line, the
// battery, the id of this boot.
//
// Over SSH there are a login, SFTP with the rights of the user who asks (sftp.go), and a
// closed table of programs (shell.go, programs.go, units.go, packages.go): just what
// provisioning a tablet needs, each doing what a host can see of it with files of the
// tablet's own system. Anything else is "command not found", and a line that would make a
// real shell do more than one thing is a syntax error: the table cannot be talked into
// anything.
package system
