//go:build !cgo

package libusb

import (
	"context"
	"errors"
)

// Available says that this program can use USB devices.
const Available = false

// Conn is never made without cgo.
type Conn struct{}

var errNoCgo = &Error{Kind: Unavailable, Err: errors.New("this zarya was built without cgo")}

// Open says that this program has no libusb.
func Open(context.Context, int, int) (*Conn, error) { return nil, errNoCgo }

// WritePacket is never called.
func (*Conn) WritePacket(context.Context, []byte) error { return errNoCgo }

// ReadPacket is never called.
func (*Conn) ReadPacket(context.Context, []byte) (int, error) { return 0, errNoCgo }

// WriteData is never called.
func (*Conn) WriteData(context.Context, []byte) error { return errNoCgo }

// ReadData is never called.
func (*Conn) ReadData(context.Context, []byte) (int, error) { return 0, errNoCgo }

// Close does nothing.
func (*Conn) Close() error { return nil }
