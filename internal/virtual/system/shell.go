// This file is the shell of a login: one command line, and the closed table of what it can run.

package system

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"golang.org/x/crypto/ssh"
)

const (
	sftpServer = "/usr/libexec/openssh/sftp-server"
	digestOf   = `head -c "$1" "$2" | sha256sum`
)

// splitWords takes a command line apart: blanks, '…', and \ before one character.
func splitWords(line string) ([]string, error) {
	var out []string
	var word strings.Builder
	inside, quoted := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\'':
			quoted = false
		case quoted:
			word.WriteByte(c)
		case c == '\'':
			quoted, inside = true, true
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			inside = true
		case c == ' ':
			if inside {
				out = append(out, word.String())
				word.Reset()
				inside = false
			}
		case strings.IndexByte("|&;<>()$`\"*?[#~=%\n\t", c) >= 0 && (c != '=' && c != '%' && c != '~' || !inside):
			return nil, fmt.Errorf("syntax error near %q", c)
		default:
			word.WriteByte(c)
			inside = true
		}
	}
	if quoted {
		return nil, errors.New("unterminated quoted string")
	}
	if inside {
		out = append(out, word.String())
	}
	return out, nil
}

// runLine runs one command line and gives its exit status.
func (s *System) runLine(ch ssh.Channel, line string) (int, *device.Departure) {
	argv, err := splitWords(line)
	if err != nil || len(argv) == 0 {
		say(ch.Stderr(), "sh: %v\n", err)
		return 2, nil
	}
	uid := userID
	switch {
	case argv[0] == "devel-su" && len(argv) > 1:
		uid, argv = 0, argv[1:]
	case argv[0] == "sudo" && len(argv) > 4 && argv[1] == "-S" && argv[2] == "-p" && argv[3] == "":
		uid, argv = 0, argv[4:]
	}
	if uid == 0 {
		// The password is the first line; not a byte more is read of what follows.
		password, err := readLine(ch)
		if err != nil || password != s.device.Config.Login.RootPassword {
			say(ch.Stderr(), "Auth failed\n")
			return 1, nil //nolint:nilerr // the status says it
		}
	}
	return s.runProgram(ch, argv, uid)
}

// restart lets the tablet leave for another mode.
func (s *System) restart(mode string) *device.Departure {
	s.restarting.Lock() // there may be several sessions
	defer s.restarting.Unlock()
	gone := s.device.Reboot(mode)
	s.device.Leave(gone)
	return gone
}

// say writes to a host that may have gone.
func say(w io.Writer, format string, args ...any) { fmt.Fprintf(w, format, args...) }

// readLine reads one line byte by byte.
func readLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); len(line) < 1024; line = append(line, b[0]) {
		if _, err := io.ReadFull(r, b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
	}
	return "", bufio.ErrTooLong
}

// runProgram is the closed table of what can be run.
func (s *System) runProgram(ch ssh.Channel, argv []string, uid int) (int, *device.Departure) {
	name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]
	switch {
	case argv[0] == sftpServer && len(argv) == 1:
		s.serveSFTP(ch, uid)
		return 0, nil
	case name == "true" && len(argv) == 1:
		return 0, nil
	case name == "false" && len(argv) == 1:
		return 1, nil
	case name == "echo":
		say(ch, "%s\n", strings.Join(argv[1:], " "))
		return 0, nil
	case name == "reboot" && len(argv) <= 2, name == "poweroff" && len(argv) == 1:
		if uid != 0 {
			say(ch.Stderr(), "%s: permission denied\n", name)
			return 1, nil
		}
		mode := device.ModeSystem
		if name == "poweroff" {
			mode = device.ModeOff
		} else if len(argv) == 2 {
			if argv[1] != "bootloader" {
				return 1, nil
			}
			mode = device.ModeFastboot
		}
		return 0, s.restart(mode)
	case name == "sh" && len(argv) == 6 && argv[1] == "-c" && argv[2] == digestOf:
		return s.digestPartition(ch, argv[4], argv[5], uid), nil
	}
	if status, known := s.runSettings(ch, argv, uid); known {
		return status, nil
	}
	say(ch.Stderr(), "sh: %s: command not found\n", argv[0])
	return 127, nil
}

// digestPartition reads a partition as head and sha256sum would.
func (s *System) digestPartition(ch ssh.Channel, count, device string, uid int) int {
	partition, ok := strings.CutPrefix(device, "/dev/disk/by-partlabel/")
	n, err := strconv.ParseInt(count, 10, 64)
	r, size, lerr := s.device.Partition(partition)
	if !ok || err != nil || n < 0 || lerr != nil || uid != 0 {
		say(ch.Stderr(), "head: cannot open '%s' for reading\n", device)
		return 1
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(r, 0, min(n, size))); err != nil {
		return 1
	}
	say(ch, "%x  -\n", sum.Sum(nil))
	return 0
}
