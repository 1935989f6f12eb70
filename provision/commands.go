// This file is the closed table of commands that are run on a tablet. A command is
// a list of words, quoted by one function; no other file makes a command line.

package provision

import (
	"strconv"
	"strings"
)

// command is one program with its arguments.
type command struct {
	argv []string
	root bool
}

// commandModel asks the system which device it runs on (Aurora's device information
// service; prints ('MODEL',)).
func commandModel() command {
	return command{argv: []string{"gdbus", "call", "--system", "--dest", "ru.omp.deviceinfo",
		"--object-path", "/ru/omp/deviceinfo/Features", "--method", "ru.omp.deviceinfo.Features.getDeviceModel"}}
}

// commandBootloader sends the tablet to fastboot.
func commandBootloader() command { return command{argv: []string{"reboot", "bootloader"}, root: true} }

// commandFiles is the server of files, as root.
func commandFiles() command {
	return command{argv: []string{"/usr/libexec/openssh/sftp-server"}, root: true}
}

// commandDigest prints the SHA-256 of the first n bytes of a partition.
func commandDigest(partition string, n int64) command {
	return command{root: true, argv: []string{"sh", "-c", `head -c "$1" "$2" | sha256sum`, "sh",
		strconv.FormatInt(n, 10), "/dev/disk/by-partlabel/" + partition}}
}

// commandExec is a profile's own.
func commandExec(argv []string, root bool) command { return command{argv, root} }

// How root is reached.
const (
	RootNone    = "none"
	RootDevelSu = "devel-su"
	RootSudo    = "sudo"
)

// line is the command as the tablet's shell reads it; the password for root is the
// first line of its input.
func (c command) line(root string) string {
	argv := c.argv
	if c.root {
		switch root {
		case RootDevelSu:
			argv = append([]string{"devel-su"}, argv...)
		case RootSudo:
			argv = append([]string{"sudo", "-S", "-p", ""}, argv...)
		}
	}
	return quote(argv)
}

// quote makes one shell word of each argument.
func quote(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = a
		if a == "" || strings.ContainsFunc(a, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,", r)
		}) || strings.HasPrefix(a, "%") {
			words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
