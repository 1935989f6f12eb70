// This file reaches the files of a tablet that has no SFTP, as small systems with dropbear
// have none: by commands of the closed table, with POSIX's tools.

package overssh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
)

// Exit statuses of the table's scripts.
const (
	scriptNoFile = 66 // there is no such file
	scriptShort  = 75 // fewer bytes arrived, or had room, than were sent
)

// shellFiles are files by commands.
type shellFiles struct {
	client *Session
	root   bool
}

// do runs a command with input; its output is bounded by limit.
func (s *shellFiles) do(cmd command, input io.Reader, limit int64) (string, error) {
	cmd.root = s.root
	session, err := s.client.ssh.NewSession()
	if err != nil {
		return "", err
	}
	defer func() { _ = session.Close() }() // it is at its end
	out, errs := &bounded{most: int(limit)}, &bounded{}
	session.Stdout, session.Stderr = out, errs
	in := input
	if in == nil {
		in = strings.NewReader("")
	}
	if s.root && s.client.login.Root != RootNone {
		in = io.MultiReader(strings.NewReader(s.client.login.RootPassword+"\n"), in)
	}
	session.Stdin = in
	err = session.Run(cmd.line(s.client.login.Root))
	var exit *ssh.ExitError
	if !errors.As(err, &exit) {
		return out.text(), err
	}
	said := errs.text()
	switch {
	case s.root && (strings.Contains(said, "Auth failed") || strings.Contains(said, "incorrect password")):
		return "", s.client.rootRefused()
	case exit.ExitStatus() == scriptNoFile:
		return "", fs.ErrNotExist
	case exit.ExitStatus() == 127:
		return "", failf(flash.ClassDevice, "take an image that has them, or an SFTP server",
			"the tablet has no SFTP server, and lacks a program for files without one: %s", clean(said))
	}
	return "", fmt.Errorf("exit status %d: %s", exit.ExitStatus(), clean(said))
}

// noRoomFor explains a write that failed.
func noRoomFor(name string, err error) error {
	if err != nil && (strings.Contains(err.Error(), "No space left") ||
		strings.Contains(err.Error(), fmt.Sprintf("exit status %d", scriptShort))) {
		return noRoom(name)
	}
	return err
}

func (s *shellFiles) read(name string, limit int64) (*provision.Content, error) {
	out, err := s.do(commandReadFile(name, limit+1), nil, limit+64)
	if err != nil {
		return nil, err
	}
	head, data, _ := strings.Cut(out, "\n")
	mode, owner, _ := strings.Cut(head, " ")
	bits, merr := strconv.ParseUint(mode, 8, 12)
	uid, uerr := strconv.ParseUint(owner, 10, 32)
	if err := errors.Join(merr, uerr); err != nil {
		return nil, failf(flash.ClassDevice, "the tablet's stat does not answer as POSIX's tools do",
			"%s: its mode and owner are %q", name, clean(head))
	}
	return &provision.Content{Data: []byte(data), Mode: fs.FileMode(bits) & fs.ModePerm, Root: uid == 0}, nil
}

func (s *shellFiles) write(name string, data []byte, mode fs.FileMode) error {
	_, err := s.do(commandWriteFile(name, temporary(name), len(data), mode), bytes.NewReader(data), maxOutput)
	return noRoomFor(name, err)
}

func (s *shellFiles) upload(name string, r io.Reader, size int64) error {
	_, err := s.do(commandUpload(name, size), r, maxOutput)
	return noRoomFor(name, err)
}

func (s *shellFiles) remove(name string) error {
	_, err := s.do(commandRemoveFile(name), nil, maxOutput)
	return err
}

func (s *shellFiles) list(name string) ([]string, error) {
	out, err := s.do(commandListFolder(name), nil, maxOutput)
	if err != nil || out == "" {
		return nil, err
	}
	names := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(names) > maxNames {
		return nil, fmt.Errorf("%s has %d entries", name, len(names))
	}
	return names, nil
}

func (s *shellFiles) link(target, name string) error {
	_, err := s.do(commandLink(target, name, temporary(name)), nil, maxOutput)
	return err
}

func (s *shellFiles) readLink(name string) (string, error) {
	out, err := s.do(commandReadLink(name), nil, maxOutput)
	return strings.TrimSuffix(out, "\n"), err
}

func (s *shellFiles) exists(name string) (bool, error) {
	_, err := s.do(commandExists(name), nil, maxOutput)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
