// This file opens an input device of Linux (evdev) for this process alone.

package scanner

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// Requests of linux/input.h.
const (
	eviocgrab = 0x40044590
	eviocgkey = 0x80004521 // EVIOCGBIT(EV_KEY, 0): the size is added
	eviocname = 0x80004506 // EVIOCGNAME(0): the size is added
	sizeShift = 16
)

// input is an open input device.
type input struct {
	*os.File
	name string
}

func (i input) Name() string { return i.name }

// grab opens a scanner; until it is closed, nobody else gets its keys.
func grab(path string) (device, error) {
	i, err := openInput(path)
	if err != nil {
		return nil, err
	}
	err = i.control(func(fd int) error { return unix.IoctlSetInt(fd, eviocgrab, 1) })
	if err == nil {
		return i, nil
	}
	if errors.Is(err, unix.EBUSY) {
		err = problem.New(problem.InUse, "stop the other program", "%s: another program has grabbed it", path)
	} else {
		err = problem.New(problem.Station, "", "%s: grab it: %w", path, err)
	}
	return nil, errors.Join(err, i.Close())
}

// Check returns what the scanner at path calls itself, or why it cannot be used. It does
// not grab it.
func Check(path string) (name string, err error) {
	i, err := openInput(path)
	if err != nil {
		return "", err
	}
	return i.name, i.Close()
}

// openInput opens a device that has the keys of a scanner.
func openInput(path string) (input, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // the device that the station's settings name
	switch {
	case errors.Is(err, os.ErrNotExist):
		return input{}, problem.New(problem.Station, "plug the scanner in; its name is one of /dev/input/by-path", "%w", err)
	case errors.Is(err, os.ErrPermission):
		return input{}, problem.New(problem.Station, "add this user to the group input", "%w", err)
	case err != nil:
		return input{}, problem.New(problem.Station, "", "%w", err)
	}
	i := input{File: f}
	keys := make([]byte, 128) // bits of what keys it has
	if err := i.ask(eviocgkey, keys); err != nil || keys[keyEnter/8]&(1<<(keyEnter%8)) == 0 {
		return input{}, errors.Join(problem.New(problem.Station, "name the scanner's keyboard, one of /dev/input/by-path/*-event-kbd",
			"%s: it is no keyboard", path), f.Close())
	}
	name := make([]byte, 256)
	if err := i.ask(eviocname, name); err != nil && !errors.Is(err, unix.ENOENT) {
		return input{}, errors.Join(fmt.Errorf("%s: its name: %w", path, err), f.Close())
	}
	i.name = untrusted.Reply(string(name), untrusted.Word)
	return i, nil
}

// ask has the kernel fill an answer.
func (i input) ask(request uintptr, answer []byte) error {
	return i.control(func(fd int) error {
		request += uintptr(len(answer)) << sizeShift
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request,
			uintptr(unsafe.Pointer(&answer[0]))) //nolint:gosec // an ioctl takes an address
		runtime.KeepAlive(answer)
		if errno != 0 {
			return errno
		}
		return nil
	})
}

// control uses the descriptor without taking the file from Go's poller, so that Close
// still ends a Read.
func (i input) control(use func(fd int) error) error {
	raw, err := i.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = use(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}
