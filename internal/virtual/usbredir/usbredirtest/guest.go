// Package usbredirtest is the other side of usbredir, for tests: a [Guest] does what QEMU
// does when its guest's kernel speaks to a USB device. Its numbers are the protocol's and
// written down once more, so that a mistake in package usbredir is not mirrored here.
package usbredirtest

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// The types of packets.
const (
	Hello            = 0
	Connect          = 1
	Disconnect       = 2
	Reset            = 3
	InterfaceInfo    = 4
	EndpointInfo     = 5
	SetConfiguration = 6
	GetConfiguration = 7
	Configuration    = 8
	SetAlt           = 9
	GetAlt           = 10
	Alt              = 11
	StartInterrupt   = 15
	StopInterrupt    = 16
	InterruptStatus  = 17
	Cancel           = 21
	DisconnectAck    = 24
	Control          = 100
	Bulk             = 101
	Interrupt        = 103
)

// The results of a transfer.
const (
	StatusOK        = 0
	StatusCancelled = 1
	StatusStall     = 4
)

// The endpoints of all functions.
const (
	BulkOut     = 0x01
	BulkIn      = 0x81
	InterruptIn = 0x82
)

// capabilities are those of QEMU 10: connect_device_version, filter, device_disconnect_ack,
// ep_info_max_packet_size, 64bits_ids, 32bits_bulk_length.
const capabilities = 1<<1 | 1<<2 | 1<<3 | 1<<4 | 1<<5 | 1<<6

// Guest is what QEMU is to the tablet.
type Guest struct {
	t    *testing.T
	conn net.Conn
	ID   uint64 // of the last packet that was sent
}

// NewGuest exchanges hellos over a connection to a tablet.
func NewGuest(t *testing.T, conn net.Conn) *Guest {
	t.Helper()
	g := &Guest{t: t, conn: conn}
	hello := make([]byte, 68)
	binary.LittleEndian.PutUint32(hello[64:], capabilities)
	head := binary.LittleEndian.AppendUint32(nil, Hello)
	head = binary.LittleEndian.AppendUint32(head, 68)
	head = binary.LittleEndian.AppendUint32(head, 0)
	g.write(append(head, hello...))
	g.read(12 + 68)
	return g
}

// Close ends the connection: the virtual machine is gone.
func (g *Guest) Close() { _ = g.conn.Close() }

func (g *Guest) write(b []byte) {
	g.t.Helper()
	if _, err := g.conn.Write(b); err != nil {
		g.t.Fatal(err)
	}
}

func (g *Guest) read(n int) []byte {
	g.t.Helper()
	b := make([]byte, n)
	_ = g.conn.SetReadDeadline(time.Now().Add(10 * time.Minute)) // only against a hang
	if _, err := io.ReadFull(g.conn, b); err != nil {
		g.t.Fatal(err)
	}
	return b
}

// Send sends a packet and returns its id.
func (g *Guest) Send(kind uint32, body ...byte) uint64 {
	g.t.Helper()
	g.ID++
	head := binary.LittleEndian.AppendUint32(nil, kind)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	head = binary.LittleEndian.AppendUint64(head, g.ID)
	g.write(append(head, body...))
	return g.ID
}

// Next waits for a packet of a kind, and skips others.
func (g *Guest) Next(kind uint32) (uint64, []byte) {
	g.t.Helper()
	for {
		head := g.read(16)
		body := g.read(int(binary.LittleEndian.Uint32(head[4:])))
		if binary.LittleEndian.Uint32(head) == kind {
			return binary.LittleEndian.Uint64(head[8:]), body
		}
	}
}

// Descriptor asks for a descriptor; nil is a stall.
func (g *Guest) Descriptor(kind, index byte) []byte {
	g.t.Helper()
	g.Send(Control, 0x80, 6, 0x80, 77, index, kind, 0, 0, 255, 0) // 77: what QEMU leaves in status
	_, body := g.Next(Control)
	if body[3] != StatusOK {
		return nil
	}
	return body[10:]
}

// BulkHead returns the head of a bulk transfer of n bytes.
func BulkHead(endpoint byte, n int) []byte {
	return []byte{endpoint, 0, byte(n), byte(n >> 8), 0, 0, 0, 0, byte(n >> 16), 0}
}

// Ask sends a command and gives the response.
func (g *Guest) Ask(cmd string) string {
	g.t.Helper()
	g.Send(Bulk, append(BulkHead(BulkOut, len(cmd)), cmd...)...)
	if _, body := g.Next(Bulk); body[0] != BulkOut || body[1] != StatusOK || len(body) != 10 {
		g.t.Fatalf("%s was answered with % x", cmd, body)
	}
	id := g.Send(Bulk, BulkHead(BulkIn, 4096)...)
	got, body := g.Next(Bulk)
	if got != id || body[0] != BulkIn {
		g.t.Fatalf("response %d, % x", got, body)
	}
	return string(body[10:])
}
