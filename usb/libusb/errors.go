// This file is what kept a device from being used.

package libusb

import "fmt"

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
		Unavailable: "USB cannot be used", Permission: "no permission to open", Busy: "another program has claimed",
		Gone: "the device left:", NotFastboot: "no fastboot interface at", Wedged: "a transfer never came back; given up:",
	}[e.Kind]
	text := what
	if e.Node != "" {
		text += " " + e.Node
	}
	if e.Err != nil && e.Kind != Busy && e.Kind != Permission { // which say nothing more
		text = fmt.Sprintf("%s (%v)", text, e.Err)
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// node is the device's file.
func node(bus, address int) string { return fmt.Sprintf("/dev/bus/usb/%03d/%03d", bus, address) }
