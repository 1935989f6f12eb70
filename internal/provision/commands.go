// This file is the closed table of commands that are run on a tablet. A command is
// a list of words, quoted by one function; no other file makes a command line.

package provision

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// command is one program with its arguments.
type command struct {
	argv []string
	root bool
}

// systemBus calls a method on the system bus with arguments in GVariant's text form.
func systemBus(dest, object, method string, args ...string) command {
	return command{argv: append([]string{"gdbus", "call", "--system", "--dest", dest, "--object-path", object, "--method", method}, args...)}
}

// commandBus is a call of the profile's own; session is the address of the login's bus.
func commandBus(session, dest, object, method string, args []string, root bool) command {
	c := systemBus(dest, object, method, args...)
	c.root = root
	if session != "" {
		c.argv[2] = "--session"
		c = onBus(session, c)
	}
	return c
}

// onBus gives a command the login's bus.
func onBus(session string, c command) command {
	c.argv = append([]string{"env", "DBUS_SESSION_BUS_ADDRESS=" + session}, c.argv...)
	return c
}

// The package manager of Aurora (ru.omp.APM, as aurora-cli uses it): Install is answered
// before it has happened.
func commandInstall(path string) command {
	return systemBus("ru.omp.APM", "/ru/omp/APM", "ru.omp.APM.Install", path, "{}")
}

func commandInstalled(name string) command {
	return systemBus("ru.omp.APM", "/ru/omp/APM", "ru.omp.APM.GetPackage", name)
}

// commandPkcon installs where there is no ru.omp.APM.
func commandPkcon(path string) command {
	return command{argv: []string{"pkcon", "-y", "install-local", path}, root: true}
}

// commandVersion prints the version of an installed package.
func commandVersion(name string) command {
	return command{argv: []string{"rpm", "-q", "--qf", "%{VERSION}", name}}
}

// commandSum prints the SHA-256 of a file.
func commandSum(path string) command { return command{argv: []string{"sha256sum", path}} }

// commandModem lists the modems with their properties (ofono; Serial is the IMEI).
func commandModem() command {
	return systemBus("org.ofono", "/", "org.ofono.Manager.GetModems")
}

func commandDconfRead(session, key string) command {
	return onBus(session, command{argv: []string{"dconf", "read", key}})
}

func commandDconfWrite(session, key, value string) command {
	return onBus(session, command{argv: []string{"dconf", "write", key, value}})
}

// commandUnit changes or asks a unit of systemd.
func commandUnit(verb, unit string) command {
	return command{argv: []string{"systemctl", verb, unit}, root: verb != "is-enabled" && verb != "is-active"}
}

// commandTrust takes new certificates in.
func commandTrust() command { return command{argv: []string{"update-ca-trust"}, root: true} }

// commandKeygen makes the host keys that are missing.
func commandKeygen() command { return command{argv: []string{"ssh-keygen", "-A"}, root: true} }

// commandReboot restarts the system.
func commandReboot() command { return command{argv: []string{"reboot"}, root: true} }

// commandPower turns the tablet off after some whole seconds, when nobody is logged in
// any more.
func commandPower(after time.Duration) command {
	return command{argv: []string{"systemd-run", "--on-active=" + strconv.Itoa(int(after.Seconds())), "systemctl", "poweroff"}, root: true}
}

// commandID prints the number of the login.
func commandID() command { return command{argv: []string{"id", "-u"}} }

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

// script is a few lines for the tablet's shell; its arguments are $1, $2 …
func script(text string, args ...string) command {
	return command{argv: append([]string{"sh", "-c", text, "sh"}, args...)}
}

// The files of a tablet without SFTP. 66 is that there is no such file, 75 that not all of
// it arrived.

func commandReadFile(name string, most int64) command {
	return script(`[ -f "$1" ] || exit 66; stat -Lc "%a %u" "$1" && head -c "$2" "$1"`, name, strconv.FormatInt(most, 10))
}

// commandWriteFile writes what comes in beside the file, then puts it in its place.
func commandWriteFile(name, next string, size int, mode fs.FileMode) command {
	return script(`d=$(dirname "$1"); mkdir -p "$d" && umask 077 && cat >"$2" && `+
		`[ "$(wc -c <"$2")" -eq "$3" ] || { rm -f "$2"; exit 75; }; chmod "$4" "$2" && { sync "$2" 2>/dev/null || sync; } && mv -f "$2" "$1"`,
		name, next, strconv.Itoa(size), fmt.Sprintf("%o", mode))
}

func commandUpload(name string, size int64) command {
	return script(`cat >"$1" && [ "$(wc -c <"$1")" -eq "$2" ] || { rm -f "$1"; exit 75; }`, name, strconv.FormatInt(size, 10))
}

func commandRemoveFile(name string) command {
	return script(`[ -e "$1" ] || [ -L "$1" ] || exit 66; rm -f "$1"`, name)
}

func commandListFolder(name string) command {
	return script(`cd "$1" 2>/dev/null || exit 66; for f in * .[!.]* ..?*; do `+
		`{ [ -e "$f" ] || [ -L "$f" ]; } && printf "%s\n" "$f"; done; true`, name)
}

func commandLink(target, name, next string) command {
	return script(`rm -f "$3" && ln -s "$1" "$3" && mv -f "$3" "$2"`, target, name, next)
}

func commandReadLink(name string) command {
	return script(`[ -L "$1" ] || exit 66; readlink "$1"`, name)
}

func commandExists(name string) command {
	return script(`[ -e "$1" ] || [ -L "$1" ] || exit 66`, name)
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
