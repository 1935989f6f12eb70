// This file is a session: it reads commands, passes each to what does it, and answers.

package bootloader

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// Bootloader is the bootloader of one tablet. It serves one host at a time, and remembers
// from one session to the next what was downloaded.
type Bootloader struct {
	device    *device.Device
	rewritten func() error

	download struct { // what was downloaded last
		store  storage.Store // nil before the first
		size   int64
		digest [sha256.Size]byte
	}
	deferred string // a failure to be reported at the next command
}

// New makes the bootloader of a device. It calls rewritten before system or userdata get
// other content.
func New(d *device.Device, rewritten func() error) *Bootloader {
	return &Bootloader{device: d, rewritten: rewritten}
}

// Close forgets what was downloaded.
func (b *Bootloader) Close() {
	if b.download.store != nil {
		_ = b.download.store.Close()
		b.download.store, b.download.size = nil, 0
	}
}

// Link is one connection of a host, without its framing.
type Link interface {
	ReadCommand() (string, error)
	Respond(packet string) error
	ReadData(p []byte) (int, error)
	WriteData(p []byte) error
}

// maxCommand is the longest command, bytes (AOSP fastboot README).
const maxCommand = 4096

// refusal is a FAIL; the session goes on.
type refusal string

func (r refusal) Error() string { return string(r) }

// errAnswered is what a command returns that gave its answer itself.
var errAnswered = errors.New("answered")

// Serve answers one host until the connection ends, the tablet leaves, which is a
// *device.Departure, or its storage fails, which is a *storage.Error.
func (b *Bootloader) Serve(ctx context.Context, l Link) error {
	for {
		cmd, err := l.ReadCommand()
		if err != nil {
			return err
		}
		b.device.Update(func(s *device.State) { s.Commands++ })
		b.device.Log("%s", cmd)
		if b.deferred != "" {
			text := b.deferred
			b.deferred = ""
			if err := l.Respond("FAIL" + text); err != nil {
				return err
			}
			continue
		}
		text, err := b.command(ctx, l, cmd)
		var refused refusal
		var gone *device.Departure
		switch {
		case errors.Is(err, errAnswered):
			continue
		case errors.As(err, &refused):
			text = "FAIL" + clip(string(refused))
		case errors.As(err, &gone) && gone.Mode != device.ModeUnplugged:
			b.device.Leave(gone)
			if err := l.Respond("OKAY"); err != nil {
				return err
			}
			return gone
		case err != nil:
			return err
		default:
			text = "OKAY" + clip(text)
		}
		if err := l.Respond(text); err != nil {
			return err
		}
	}
}

// clip cuts a text to what one response holds.
func clip(s string) string { return s[:min(len(s), 252)] }

// command does one command and returns the text of its OKAY. A refusal is a FAIL.
func (b *Bootloader) command(ctx context.Context, l Link, cmd string) (string, error) {
	verb, arg, _ := strings.Cut(cmd, ":")
	switch verb {
	case "getvar":
		return b.getvar(l, arg)
	case "download":
		return "", b.receive(ctx, l, arg)
	case "flash":
		return "", b.flash(ctx, l, arg)
	case "erase":
		return "", b.erase(arg)
	case "boot":
		if b.download.store == nil {
			return "", refusal("no boot image")
		}
		return "", b.device.Reboot(device.ModeSystem)
	case "continue", "reboot", "reboot-recovery":
		return "", b.device.Reboot(device.ModeSystem)
	case "reboot-bootloader":
		return "", b.device.Reboot(device.ModeFastboot)
	case "reboot-fastboot":
		if !b.device.Config.Family.Slots {
			return "", refusal("unknown command")
		}
		return "", b.device.Reboot(device.ModeFastbootd)
	case "powerdown":
		return "", b.device.Reboot(device.ModeOff)
	case "set_active":
		if b.device.State().Slot == "" || arg != "a" && arg != "b" {
			return "", refusal("slot does not exist")
		}
		b.device.Update(func(s *device.State) { s.Slot = arg })
		return "", nil
	}
	if words, ok := strings.CutPrefix(cmd, "oem "); ok {
		return b.oem(l, words)
	}
	if what, ok := strings.CutPrefix(cmd, "flashing "); ok {
		return b.flashing(l, what)
	}
	if b.device.Config.Family.Userspace {
		return b.userspace(l, verb, arg)
	}
	return "", refusal("unknown command")
}
