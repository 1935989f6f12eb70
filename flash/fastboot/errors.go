// This file has the ways in which a command can fail.

package fastboot

import (
	"errors"
	"fmt"
	"time"
)

// RemoteError is a FAIL: the device understood, answered, and is ready for the
// next command.
type RemoteError struct {
	Command string // as sent
	Message string // the device's own words, cleaned; may be empty
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("%s: the device says %q", e.Command, e.Message)
}

// Meaning is what the device's words mean, as far as the quirk table knows.
func (e *RemoteError) Meaning() Meaning { return meaningOf(e.Command, e.Message) }

// WireError means that the connection failed in the middle of a command; the
// device's state is unknown and the client is of no more use.
type WireError struct {
	Command string
	Err     error
}

func (e *WireError) Error() string { return fmt.Sprintf("%s: connection lost: %v", e.Command, e.Err) }
func (e *WireError) Unwrap() error { return e.Err }

// TimeoutError means that the device did not answer in time; the client is of no
// more use.
type TimeoutError struct {
	Command string
	Phase   string        // reply, data
	After   time.Duration // the limit that passed
	Total   bool          // the limit of the whole command, not of silence
}

func (e *TimeoutError) Error() string {
	if e.Total {
		return fmt.Sprintf("%s: not finished after %s (%s)", e.Command, e.After, e.Phase)
	}
	return fmt.Sprintf("%s: the device was silent for %s (%s)", e.Command, e.After, e.Phase)
}

// Timeout marks the error as a timeout, as net.Error does.
func (e *TimeoutError) Timeout() bool { return true }

// ProtocolError means that the device broke the protocol; the client is of no
// more use.
type ProtocolError struct {
	Command string
	Problem string
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s: the device broke the protocol: %s", e.Command, e.Problem)
}

// DeviceError means that the device gave up the connection with words of its own (an
// error packet of fastboot over UDP); the client is of no more use.
type DeviceError struct {
	Command string // that was under way; "connect" before the first
	Message string // the device's own words, cleaned; may be empty
}

func (e *DeviceError) Error() string {
	return fmt.Sprintf("%s: the device gave up: it says %q", e.Command, e.Message)
}

// UsageError means that a command was not sent, because it cannot be right.
type UsageError struct {
	Command string
	Problem string
}

func (e *UsageError) Error() string { return fmt.Sprintf("%q was not sent: %s", e.Command, e.Problem) }

// ErrClosed is returned by a client that was closed, or broke, earlier.
var ErrClosed = errors.New("fastboot connection is closed")

// NotFastbootError means that something answered that does not speak fastboot.
type NotFastbootError struct {
	Address string
	Greeted string // the first bytes it said, cleaned
}

func (e *NotFastbootError) Error() string {
	if len(e.Greeted) >= 4 && e.Greeted[:4] == "SSH-" {
		return fmt.Sprintf("%s speaks SSH, not fastboot: the tablet is booted", e.Address)
	}
	return fmt.Sprintf("%s does not speak fastboot (it said %q)", e.Address, e.Greeted)
}
