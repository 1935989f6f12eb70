// This file is the far end of every transport that is a byte stream.

package fastboottest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// StreamDevice is the far end of a fastboot.Stream, written from the protocol's text.
type StreamDevice struct {
	net.Conn
	left uint64 // of the message under way
}

func (d *StreamDevice) header() error {
	var head [8]byte
	_, err := io.ReadFull(d, head[:])
	d.left = binary.BigEndian.Uint64(head[:])
	return err
}

// ReadCommand reads one command, of at most 4096 bytes.
func (d *StreamDevice) ReadCommand() (string, error) {
	if err := d.header(); err != nil {
		return "", err
	}
	p := make([]byte, min(d.left, 4096))
	_, err := io.ReadFull(d, p)
	d.left = 0
	return string(p), err
}

// ReadData reads n bytes of data, in however many packets.
func (d *StreamDevice) ReadData(n int) ([]byte, error) {
	p := make([]byte, n)
	for done := 0; done < n; {
		if d.left == 0 {
			if err := d.header(); err != nil {
				return nil, err
			}
		}
		m, err := io.ReadFull(d, p[done:done+int(min(d.left, uint64(n-done)))])
		if err != nil {
			return nil, err
		}
		done, d.left = done+m, d.left-uint64(m)
	}
	return p, nil
}

// Reply writes one reply.
func (d *StreamDevice) Reply(packet string) error { return d.WriteData([]byte(packet)) }

// WriteData writes p as one packet.
func (d *StreamDevice) WriteData(p []byte) error {
	_, err := d.Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(p))), p...))
	return err
}

// NewStreamDevice reads the host's greeting. The device's own, "FB01", is the caller's to
// send: a host waits for it.
func NewStreamDevice(conn net.Conn) (*StreamDevice, error) {
	var said [4]byte
	if _, err := io.ReadFull(conn, said[:]); err != nil {
		return nil, err
	}
	if string(said[:]) != "FB01" {
		return nil, fmt.Errorf("the host greets with %q", said)
	}
	return &StreamDevice{Conn: conn}, nil
}
