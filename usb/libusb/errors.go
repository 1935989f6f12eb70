// This file is what kept a device from being used.

package libusb

import (
	"fmt"
	"strings"
)

// Kind is what kept a device from being used.
type Kind int

// The kinds.
const (
	Unavailable Kind = iota // no libusb in this program, or it cannot start
	Permission              // the device's node cannot be opened by this user
	Busy                    // another process has claimed the interface
	Gone                    // the device left
	NotFastboot             // there is no fastboot interface
	Wedged                  // a transfer never came back: the port was given up
)

// Error is why a device cannot be used, or not any more.
type Error struct {
	Kind Kind
	Node string // /dev/bus/usb/BBB/AAA
	Err  error
}

func (e *Error) Error() string {
	what := map[Kind]string{
		Unavailable: "USB cannot be used", Permission: "no permission to open %s", Busy: "another program has claimed %s",
		Gone: "the device left: %s", NotFastboot: "no fastboot interface at %s", Wedged: "a transfer never came back; given up: %s",
	}[e.Kind]
	text := strings.Replace(what, "%s", e.Node, 1)
	if e.Err != nil && e.Kind != Busy && e.Kind != Permission { // which say nothing more
		text = fmt.Sprintf("%s (%v)", text, e.Err)
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// node is the device's file.
func node(bus, address int) string { return fmt.Sprintf("/dev/bus/usb/%03d/%03d", bus, address) }
