// This file is the commands of the session itself, and the one function that makes a line of
// a command's words.

package overssh

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// command is one program with its arguments.
type command struct {
	argv []string
	root bool
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
