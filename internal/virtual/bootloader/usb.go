// This file is fastboot over USB's bulk transfers: one transfer is one command.

package bootloader

import (
	"fmt"
	"io"
)

// Transfers are the bulk transfers of a USB device.
type Transfers interface {
	io.ReadWriter                  // of the bytes of transfers, one after the other
	ReadTransfer() ([]byte, error) // waits for the next one from the host
	Unread() int                   // bytes of the last transfer that Read has left
}

// OverUSB returns the link to a host at the other end of USB transfers.
func OverUSB(t Transfers) Link { return usbLink{t} }

type usbLink struct{ transfers Transfers }

// ReadCommand takes one transfer as a command. A bootloader's controller takes no more
// bytes than were announced: what a host sent beyond them is an error.
func (l usbLink) ReadCommand() (string, error) {
	if surplus := l.transfers.Unread(); surplus > 0 {
		return "", fmt.Errorf("the host sent %d bytes more than it announced", surplus)
	}
	for {
		b, err := l.transfers.ReadTransfer()
		if err != nil {
			return "", err
		}
		if len(b) > maxCommand {
			return "", fmt.Errorf("a command of %d bytes", len(b))
		}
		if len(b) > 0 {
			return string(b), nil
		}
	}
}

func (l usbLink) ReadData(p []byte) (int, error) { return l.transfers.Read(p) }

func (l usbLink) Respond(packet string) error { return l.WriteData([]byte(packet)) }

func (l usbLink) WriteData(p []byte) error {
	_, err := l.transfers.Write(p)
	return err
}
