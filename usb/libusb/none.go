//go:build !cgo

package libusb

import (
	"context"
	"errors"
)

// Available says that this program can use USB devices.
const Available = false

// Open says that this program has no libusb.
func (h *Host) Open(context.Context, int, int) (*Conn, error) {
	return nil, &Error{Kind: Unavailable, Err: errors.New("this zarya was built without cgo")}
}
