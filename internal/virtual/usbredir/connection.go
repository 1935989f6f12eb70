// This file is the connection: packets in and out, and a device that is plugged in and
// pulled out.

package usbredir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// errDisconnected means that the virtual machine closed the connection.
var errDisconnected = errors.New("the virtual machine is gone")

// errNotPlugged means that the device was pulled out.
var errNotPlugged = errors.New("it is not plugged in")

// Connection is one connection of a virtual machine: a device that is plugged in and
// pulled out again and again.
type Connection struct {
	conn net.Conn
	ids  int // bytes of a packet's id

	write sync.Mutex

	mu      sync.Mutex
	changed sync.Cond
	usb     *Function  // guarded by mu; nil while nothing is plugged in
	caps    uint32     // guarded by mu; what both sides can do
	acked   bool       // guarded by mu; the last unplugging
	config  uint8      // guarded by mu
	alt     uint8      // guarded by mu; of the interface that has settings
	out     []transfer // guarded by mu; sent by the host, not taken yet
	in      []transfer // guarded by mu; asked for by the host, not answered yet
	rest    []byte     // guarded by mu; of the transfer that is being taken
	broken  error      // guarded by mu
}

// transfer is one bulk transfer.
type transfer struct {
	id     uint64
	data   []byte // to the device
	length int    // room, from the device
}

// Accept exchanges hellos with a virtual machine. Run must be running for everything else.
func Accept(conn net.Conn) (*Connection, error) {
	c := &Connection{conn: conn, ids: 4}
	c.changed.L = &c.mu
	hello := make([]byte, 68)
	copy(hello, "zarya virtual tablet")
	binary.LittleEndian.PutUint32(hello[64:], allCapabilities)
	if err := c.send(typeHello, 0, hello); err != nil {
		return nil, err
	}
	kind, _, body, err := c.readPacket()
	if err != nil {
		return nil, err
	}
	if kind != typeHello || len(body) < 68 {
		return nil, fmt.Errorf("the peer does not speak usbredir (packet %d)", kind)
	}
	c.caps = allCapabilities & binary.LittleEndian.Uint32(body[64:])
	if c.caps&(1<<capIDs64) != 0 {
		c.ids = 8
	}
	return c, nil
}

// send writes one packet: type, length, id, body.
func (c *Connection) send(kind uint32, id uint64, body ...[]byte) error {
	c.write.Lock()
	defer c.write.Unlock()
	n := 0
	for _, b := range body {
		n += len(b)
	}
	head := binary.LittleEndian.AppendUint32(nil, kind)
	head = binary.LittleEndian.AppendUint32(head, uint32(n))
	if c.ids == 8 && kind != typeHello {
		head = binary.LittleEndian.AppendUint64(head, id)
	} else {
		head = binary.LittleEndian.AppendUint32(head, uint32(id))
	}
	bufs := append(net.Buffers{head}, body...)
	_, err := bufs.WriteTo(c.conn)
	return err
}

// readPacket reads one packet.
func (c *Connection) readPacket() (kind uint32, id uint64, body []byte, err error) {
	head := make([]byte, 8+c.ids)
	if _, err := io.ReadFull(c.conn, head); err != nil {
		return 0, 0, nil, err
	}
	kind = binary.LittleEndian.Uint32(head)
	n := binary.LittleEndian.Uint32(head[4:])
	if n > maxPacket {
		return 0, 0, nil, fmt.Errorf("a usbredir packet of %d bytes", n)
	}
	id = uint64(binary.LittleEndian.Uint32(head[8:]))
	if c.ids == 8 {
		id = binary.LittleEndian.Uint64(head[8:])
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.conn, body)
	return kind, id, body, err
}

// Run answers the virtual machine until the connection ends.
func (c *Connection) Run() {
	for {
		kind, id, body, err := c.readPacket()
		if err == nil {
			err = c.handle(kind, id, body)
		}
		if err != nil {
			c.mu.Lock()
			c.broken = errDisconnected
			c.changed.Broadcast()
			c.mu.Unlock()
			return
		}
	}
}

// Plug shows the device to the virtual machine.
func (c *Connection) Plug(usb *Function) error {
	c.mu.Lock()
	c.usb, c.config, c.alt, c.out, c.in, c.rest, c.acked = usb, 0, 0, nil, nil, nil, false
	broken := c.broken
	c.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := c.sendDescription(usb); err != nil {
		return err
	}
	b := []byte{byte(usb.speed), usb.class, 0, 0}
	b = binary.LittleEndian.AppendUint16(b, usb.vendor)
	b = binary.LittleEndian.AppendUint16(b, usb.product)
	if c.caps&(1<<capConnectVersion) != 0 {
		b = binary.LittleEndian.AppendUint16(b, 0x0100)
	}
	return c.send(typeConnect, 0, b)
}

// Pull takes the device away, and waits until the virtual machine has seen it.
func (c *Connection) Pull() error {
	c.mu.Lock()
	c.usb = nil
	broken := c.broken
	c.changed.Broadcast()
	c.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := c.send(typeDisconnect, 0); err != nil {
		return errDisconnected
	}
	if c.caps&(1<<capDisconnectAck) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.acked && c.broken == nil {
		c.changed.Wait()
	}
	return c.broken
}
