// This file is bulk transfers: those that the host sends, and those that it wants filled.

package usbredir

import (
	"encoding/binary"
	"io"
	"slices"
)

// cancelTransfer answers a transfer that the host does not want any more.
func (c *Connection) cancelTransfer(id uint64) error {
	same := func(d transfer) bool { return d.id == id }
	c.mu.Lock()
	in, out := slices.ContainsFunc(c.in, same), slices.ContainsFunc(c.out, same)
	c.in, c.out = slices.DeleteFunc(c.in, same), slices.DeleteFunc(c.out, same)
	c.mu.Unlock()
	switch {
	case in:
		return c.answerBulk(bulkIn, id, statusCancelled, 0, nil)
	case out:
		return c.answerBulk(bulkOut, id, statusCancelled, 0, nil)
	}
	return nil
}

// queueBulk keeps a bulk transfer of the host until the device takes or fills it.
func (c *Connection) queueBulk(id uint64, body []byte) error {
	n := 8
	if c.caps&(1<<capLength32) != 0 {
		n = 10
	}
	if len(body) < n {
		return io.ErrUnexpectedEOF
	}
	length := int(binary.LittleEndian.Uint16(body[2:]))
	if n == 10 {
		length |= int(binary.LittleEndian.Uint16(body[8:])) << 16
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch body[0] {
	case bulkOut:
		c.out = append(c.out, transfer{id: id, data: body[n:]})
	case bulkIn:
		c.in = append(c.in, transfer{id: id, length: length})
	}
	c.changed.Broadcast()
	return nil
}

// answerBulk reports to the host what came of a bulk transfer.
func (c *Connection) answerBulk(endpoint uint8, id uint64, status uint8, length int, data []byte) error {
	b := []byte{endpoint, status}
	b = binary.LittleEndian.AppendUint16(b, uint16(length))
	b = binary.LittleEndian.AppendUint32(b, 0)
	if c.caps&(1<<capLength32) != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(length>>16))
	}
	return c.send(typeBulk, id, b, data)
}

// failure is why nothing goes through any more, or nil. mu is held.
func (c *Connection) failure() error {
	if c.broken == nil && c.usb == nil {
		return errNotPlugged
	}
	return c.broken
}

// ReadTransfer waits for the next transfer from the host and answers it.
func (c *Connection) ReadTransfer() ([]byte, error) {
	c.mu.Lock()
	for len(c.out) == 0 && c.failure() == nil {
		c.changed.Wait()
	}
	if err := c.failure(); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	d := c.out[0]
	c.out = c.out[1:]
	c.mu.Unlock()
	return d.data, c.answerBulk(bulkOut, d.id, statusOK, len(d.data), nil)
}

// Unread returns how many bytes of the last transfer Read has left.
func (c *Connection) Unread() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.rest)
}

// Read reads the bytes of transfers from the host, one after the other.
func (c *Connection) Read(p []byte) (int, error) {
	c.mu.Lock()
	rest := c.rest
	c.mu.Unlock()
	for len(rest) == 0 {
		b, err := c.ReadTransfer()
		if err != nil {
			return 0, err
		}
		rest = b
	}
	n := copy(p, rest)
	c.mu.Lock()
	c.rest = rest[n:]
	c.mu.Unlock()
	return n, nil
}

// Write sends bytes as the host asks for them.
func (c *Connection) Write(p []byte) (int, error) {
	sent := 0
	for first := true; first || len(p) > 0; first = false {
		c.mu.Lock()
		for len(c.in) == 0 && c.failure() == nil {
			c.changed.Wait()
		}
		if err := c.failure(); err != nil {
			c.mu.Unlock()
			return sent, err
		}
		d := c.in[0]
		c.in = c.in[1:]
		c.mu.Unlock()
		n := min(len(p), d.length)
		if err := c.answerBulk(bulkIn, d.id, statusOK, n, p[:n]); err != nil {
			return sent, err
		}
		p, sent = p[n:], sent+n
	}
	return sent, nil
}
