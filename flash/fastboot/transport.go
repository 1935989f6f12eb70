// This file is what the protocol client needs of a wire.

package fastboot

import (
	"context"
	"errors"
	"os"
)

// Transport carries fastboot packets to and from one device. It knows framing,
// not meaning. stream.go and udp.go implement it here; package usb/libusb does over
// bulk endpoints. Each passes the suite in fastboottest.
//
// One goroutine uses a Transport at a time; Close may come from any goroutine
// and unblocks a call under way. Every call ends when its context does. After
// an error from any method the only useful call is Close.
type Transport interface {
	// WritePacket sends one command as one packet.
	WritePacket(ctx context.Context, p []byte) error

	// ReadPacket reads one response packet into p and returns its length. A
	// packet longer than p is an error that wraps ErrOversize. What WriteData
	// still holds back is on the wire before ReadPacket waits.
	ReadPacket(ctx context.Context, p []byte) (int, error)

	// WriteData sends the next bytes of a data phase. It may return before they
	// are on the wire, but no longer uses p then.
	WriteData(ctx context.Context, p []byte) error

	// ReadData reads the next bytes of a data phase, at least one and at most
	// len(p).
	ReadData(ctx context.Context, p []byte) (int, error)

	Close() error
}

// fileSender is a Transport that sends the next n bytes of a data phase out of f, from
// off on, without their passing through the program. f must not change meanwhile.
type fileSender interface {
	SendFile(ctx context.Context, f *os.File, off, n int64) error
}

// deliveryCounter is a Transport that knows how much of what was written has reached the
// device, which can be megabytes less. It may be asked while a call is under way.
type deliveryCounter interface {
	Delivered() (n int64, ok bool)
}

// fileWindow is how much of a file is sent under one idle limit.
const fileWindow = 4 << 20

// ErrOversize means that a device sent a response longer than the protocol's
// 256 bytes.
var ErrOversize = errors.New("response longer than 256 bytes")

// ErrUnexpectedData means that a device sent more bytes in a data phase than it
// announced.
var ErrUnexpectedData = errors.New("data where a response was due")
