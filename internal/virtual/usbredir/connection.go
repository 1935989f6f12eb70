// This file is the device's side of the usbredir protocol, with which a program is a
// USB device of a virtual machine: QEMU's usb-redir connects to a socket here and asks
// for everything that its guest's kernel asks (usbredir protocol version 0.7,
// gitlab.freedesktop.org/spice/usbredir).

package virtual

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
)

// The packets that are used, by their numbers in the protocol.
const (
	redirHello            = 0
	redirConnect          = 1
	redirDisconnect       = 2
	redirReset            = 3
	redirInterfaceInfo    = 4
	redirEndpointInfo     = 5
	redirSetConfiguration = 6
	redirGetConfiguration = 7
	redirConfiguration    = 8
	redirSetAlt           = 9
	redirGetAlt           = 10
	redirAlt              = 11
	redirStartInterrupt   = 15
	redirStopInterrupt    = 16
	redirInterruptStatus  = 17
	redirCancel           = 21
	redirDisconnectAck    = 24
	redirControl          = 100
	redirBulk             = 101
	redirInterrupt        = 103
)

// Capabilities, by their bits.
const (
	capConnectVersion = 1
	capDisconnectAck  = 3
	capMaxPacketSize  = 4
	capIDs64          = 5
	capLength32       = 6
)

const redirCaps = 1<<capConnectVersion | 1<<capDisconnectAck | 1<<capMaxPacketSize | 1<<capIDs64 | 1<<capLength32

// Status of a transfer.
const (
	redirOK        = 0
	redirCancelled = 1
	redirStall     = 4
)

// The speeds of the protocol.
const (
	redirFull = 1
	redirHigh = 2
)

const maxRedirPacket = 1 << 24 // bytes; QEMU sends far less

// errPulled is a socket that the virtual machine closed, or never opened.
var errPulled = errors.New("the virtual machine is gone")

// errUnplugged is a function that was taken away.
var errUnplugged = errors.New("it is not plugged in")

// redir is one connection of a virtual machine: a device that is plugged in and
// pulled out again and again.
type redir struct {
	conn net.Conn
	ids  int // bytes of a packet's id

	write sync.Mutex

	mu      sync.Mutex
	changed sync.Cond
	usb     *usbFunction // guarded by mu; nil while nothing is plugged in
	caps    uint32       // guarded by mu; what both sides can do
	acked   bool         // guarded by mu; the last unplugging
	config  uint8        // guarded by mu
	alt     uint8        // guarded by mu; of the interface that has settings
	out     []redirData  // guarded by mu; sent by the host, not taken yet
	in      []redirData  // guarded by mu; asked for by the host, not answered yet
	rest    []byte       // guarded by mu; of the transfer that is being taken
	broken  error        // guarded by mu
}

// redirData is one bulk transfer.
type redirData struct {
	id     uint64
	data   []byte // to the device
	length int    // room, from the device
}

// newRedir says hello and starts to read.
func newRedir(conn net.Conn) (*redir, error) {
	r := &redir{conn: conn, ids: 4}
	r.changed.L = &r.mu
	hello := make([]byte, 68)
	copy(hello, "zarya virtual tablet")
	binary.LittleEndian.PutUint32(hello[64:], redirCaps)
	if err := r.send(redirHello, 0, hello); err != nil {
		return nil, err
	}
	kind, _, body, err := r.packetIn()
	if err != nil {
		return nil, err
	}
	if kind != redirHello || len(body) < 68 {
		return nil, fmt.Errorf("the peer does not speak usbredir (packet %d)", kind)
	}
	r.caps = redirCaps & binary.LittleEndian.Uint32(body[64:])
	if r.caps&(1<<capIDs64) != 0 {
		r.ids = 8
	}
	return r, nil
}

// send writes one packet: type, length, id, body.
func (r *redir) send(kind uint32, id uint64, body ...[]byte) error {
	r.write.Lock()
	defer r.write.Unlock()
	n := 0
	for _, b := range body {
		n += len(b)
	}
	head := binary.LittleEndian.AppendUint32(nil, kind)
	head = binary.LittleEndian.AppendUint32(head, uint32(n))
	if r.ids == 8 && kind != redirHello {
		head = binary.LittleEndian.AppendUint64(head, id)
	} else {
		head = binary.LittleEndian.AppendUint32(head, uint32(id))
	}
	bufs := append(net.Buffers{head}, body...)
	_, err := bufs.WriteTo(r.conn)
	return err
}

func (r *redir) packetIn() (kind uint32, id uint64, body []byte, err error) {
	head := make([]byte, 8+r.ids)
	if _, err := io.ReadFull(r.conn, head); err != nil {
		return 0, 0, nil, err
	}
	kind = binary.LittleEndian.Uint32(head)
	n := binary.LittleEndian.Uint32(head[4:])
	if n > maxRedirPacket {
		return 0, 0, nil, fmt.Errorf("a usbredir packet of %d bytes", n)
	}
	id = uint64(binary.LittleEndian.Uint32(head[8:]))
	if r.ids == 8 {
		id = binary.LittleEndian.Uint64(head[8:])
	}
	body = make([]byte, n)
	_, err = io.ReadFull(r.conn, body)
	return kind, id, body, err
}

// read answers the virtual machine until the connection ends.
func (r *redir) read() {
	for {
		kind, id, body, err := r.packetIn()
		if err == nil {
			err = r.handle(kind, id, body)
		}
		if err != nil {
			r.mu.Lock()
			r.broken = errPulled
			r.changed.Broadcast()
			r.mu.Unlock()
			return
		}
	}
}

func (r *redir) handle(kind uint32, id uint64, body []byte) error {
	short := func(n int) bool { return len(body) < n }
	switch kind {
	case redirSetConfiguration:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		r.mu.Lock()
		r.config = body[0]
		usb := r.usb
		r.mu.Unlock()
		if usb == nil {
			return nil
		}
		if err := r.describe(usb); err != nil {
			return err
		}
		return r.send(redirConfiguration, id, []byte{redirOK, body[0]})
	case redirGetConfiguration:
		r.mu.Lock()
		config := r.config
		r.mu.Unlock()
		return r.send(redirConfiguration, id, []byte{redirOK, config})
	case redirSetAlt:
		if short(2) {
			return io.ErrUnexpectedEOF
		}
		r.mu.Lock()
		usb := r.usb
		if usb != nil && usb.settings {
			r.alt = body[1]
		}
		r.mu.Unlock()
		if usb == nil {
			return nil
		}
		if err := r.describe(usb); err != nil {
			return err
		}
		return r.send(redirAlt, id, []byte{redirOK, body[0], body[1]})
	case redirGetAlt:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		r.mu.Lock()
		alt := r.alt
		r.mu.Unlock()
		return r.send(redirAlt, id, []byte{redirOK, body[0], alt})
	case redirStartInterrupt:
		return r.interrupt(id, body)
	case redirStopInterrupt:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		return r.send(redirInterruptStatus, id, []byte{redirOK, body[0]})
	case redirReset:
		r.mu.Lock()
		r.out, r.in, r.rest = nil, nil, nil
		r.mu.Unlock()
	case redirDisconnectAck:
		r.mu.Lock()
		r.acked = true
		r.changed.Broadcast()
		r.mu.Unlock()
	case redirCancel:
		return r.cancel(id)
	case redirControl:
		if short(10) {
			return io.ErrUnexpectedEOF
		}
		return r.control(id, body)
	case redirBulk:
		return r.bulk(id, body)
	}
	return nil
}

// interrupt starts a network function's notices: that there is a link.
func (r *redir) interrupt(id uint64, body []byte) error {
	r.mu.Lock()
	usb := r.usb
	r.mu.Unlock()
	if len(body) < 1 {
		return io.ErrUnexpectedEOF
	}
	status := []byte{redirOK, body[0]}
	if usb == nil || len(usb.notices) == 0 {
		status[0] = redirStall
	}
	err := r.send(redirInterruptStatus, id, status)
	if status[0] != redirOK {
		return err
	}
	for n, notice := range usb.notices {
		head := []byte{body[0], redirOK, byte(len(notice)), 0}
		err = errors.Join(err, r.send(redirInterrupt, uint64(n), head, notice))
	}
	return err
}

// describe tells interfaces and endpoints.
func (r *redir) describe(usb *usbFunction) error {
	r.mu.Lock()
	alt := r.alt
	r.mu.Unlock()
	info := make([]byte, 4+4*32)
	binary.LittleEndian.PutUint32(info, uint32(len(usb.interfaces)))
	for n, class := range usb.interfaces {
		info[4+n] = byte(n)
		info[4+32+n], info[4+64+n], info[4+96+n] = class[0], class[1], class[2]
	}
	kinds := bytes.Repeat([]byte{255}, 32) // 255 is none, 0 control, 2 bulk, 3 interrupt
	intervals, interfaces, sizes := make([]byte, 32), make([]byte, 32), make([]byte, 64)
	kinds[0], kinds[16] = 0, 0
	for _, e := range append([]usbEndpoint{{packet: 64}, {address: 0x80, packet: 64}}, usb.endpoints...) {
		if e.setting > alt {
			continue
		}
		n := int(e.address&0x80)>>3 | int(e.address&15)
		kinds[n], intervals[n], interfaces[n] = e.kind, e.interval, e.iface
		binary.LittleEndian.PutUint16(sizes[2*n:], e.packet)
	}
	ends := slices.Concat(kinds, intervals, interfaces)
	if r.caps&(1<<capMaxPacketSize) != 0 {
		ends = append(ends, sizes...)
	}
	return errors.Join(r.send(redirInterfaceInfo, 0, info), r.send(redirEndpointInfo, 0, ends))
}

// plug shows the device to the virtual machine.
func (r *redir) plug(usb *usbFunction) error {
	r.mu.Lock()
	r.usb, r.config, r.alt, r.out, r.in, r.rest, r.acked = usb, 0, 0, nil, nil, nil, false
	broken := r.broken
	r.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := r.describe(usb); err != nil {
		return err
	}
	b := []byte{usb.speed, usb.class, 0, 0}
	b = binary.LittleEndian.AppendUint16(b, usb.vendor)
	b = binary.LittleEndian.AppendUint16(b, usb.product)
	if r.caps&(1<<capConnectVersion) != 0 {
		b = binary.LittleEndian.AppendUint16(b, 0x0100)
	}
	return r.send(redirConnect, 0, b)
}

// pull takes the device away, and waits until the virtual machine has seen it.
func (r *redir) pull() error {
	r.mu.Lock()
	r.usb = nil
	broken := r.broken
	r.changed.Broadcast()
	r.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := r.send(redirDisconnect, 0); err != nil {
		return errPulled
	}
	if r.caps&(1<<capDisconnectAck) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.acked && r.broken == nil {
		r.changed.Wait()
	}
	return r.broken
}

// cancel answers a transfer that the host does not want any more.
func (r *redir) cancel(id uint64) error {
	same := func(d redirData) bool { return d.id == id }
	r.mu.Lock()
	in, out := slices.ContainsFunc(r.in, same), slices.ContainsFunc(r.out, same)
	r.in, r.out = slices.DeleteFunc(r.in, same), slices.DeleteFunc(r.out, same)
	r.mu.Unlock()
	switch {
	case in:
		return r.answerBulk(bulkIn, id, redirCancelled, 0, nil)
	case out:
		return r.answerBulk(bulkOut, id, redirCancelled, 0, nil)
	}
	return nil
}

func (r *redir) bulk(id uint64, body []byte) error {
	n := 8
	if r.caps&(1<<capLength32) != 0 {
		n = 10
	}
	if len(body) < n {
		return io.ErrUnexpectedEOF
	}
	length := int(binary.LittleEndian.Uint16(body[2:]))
	if n == 10 {
		length |= int(binary.LittleEndian.Uint16(body[8:])) << 16
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch body[0] {
	case bulkOut:
		r.out = append(r.out, redirData{id: id, data: body[n:]})
	case bulkIn:
		r.in = append(r.in, redirData{id: id, length: length})
	}
	r.changed.Broadcast()
	return nil
}

func (r *redir) answerBulk(endpoint uint8, id uint64, status uint8, length int, data []byte) error {
	b := []byte{endpoint, status}
	b = binary.LittleEndian.AppendUint16(b, uint16(length))
	b = binary.LittleEndian.AppendUint32(b, 0)
	if r.caps&(1<<capLength32) != 0 {
		b = binary.LittleEndian.AppendUint16(b, uint16(length>>16))
	}
	return r.send(redirBulk, id, b, data)
}

// control answers requests on endpoint 0: descriptors are all there is to ask.
func (r *redir) control(id uint64, body []byte) error {
	head := slices.Clone(body[:10])
	head[3] = redirOK // QEMU sends what was there before
	value, length := binary.LittleEndian.Uint16(head[4:]), int(binary.LittleEndian.Uint16(head[8:]))
	r.mu.Lock()
	usb := r.usb
	r.mu.Unlock()
	var data []byte
	ok := usb != nil
	if ok && head[2]&0x80 != 0 {
		switch {
		case head[1] == 6 && head[2] == 0x80: // GET_DESCRIPTOR
			data = usb.descriptor(uint8(value>>8), uint8(value))
			ok = data != nil
		case head[1] == 0: // GET_STATUS
			data = []byte{0, 0}
		default:
			ok = false
		}
	}
	if !ok {
		head[3] = redirStall
		binary.LittleEndian.PutUint16(head[8:], 0)
		return r.send(redirControl, id, head)
	}
	if head[2]&0x80 != 0 {
		data = data[:min(len(data), length)]
		binary.LittleEndian.PutUint16(head[8:], uint16(len(data)))
	}
	return r.send(redirControl, id, head, data)
}

// gone is why nothing goes through any more, or nil. mu is held.
func (r *redir) gone() error {
	if r.broken == nil && r.usb == nil {
		return errUnplugged
	}
	return r.broken
}

// take waits for the next transfer from the host and answers it.
func (r *redir) take() ([]byte, error) {
	r.mu.Lock()
	for len(r.out) == 0 && r.gone() == nil {
		r.changed.Wait()
	}
	if err := r.gone(); err != nil {
		r.mu.Unlock()
		return nil, err
	}
	d := r.out[0]
	r.out = r.out[1:]
	r.mu.Unlock()
	return d.data, r.answerBulk(bulkOut, d.id, redirOK, len(d.data), nil)
}

// ReadCommand takes one transfer as a command. A bootloader's controller takes no more
// bytes than were announced: what a host sent beyond them is an error.
func (r *redir) ReadCommand() (string, error) {
	r.mu.Lock()
	surplus := len(r.rest)
	r.mu.Unlock()
	if surplus > 0 {
		return "", fmt.Errorf("the host sent %d bytes more than it announced", surplus)
	}
	for {
		b, err := r.take()
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

// ReadData takes the bytes of a data phase.
func (r *redir) ReadData(p []byte) (int, error) {
	r.mu.Lock()
	rest := r.rest
	r.mu.Unlock()
	for len(rest) == 0 {
		b, err := r.take()
		if err != nil {
			return 0, err
		}
		rest = b
	}
	n := copy(p, rest)
	r.mu.Lock()
	r.rest = rest[n:]
	r.mu.Unlock()
	return n, nil
}

// Respond sends one packet when the host asks for it.
func (r *redir) Respond(packet string) error { return r.WriteData([]byte(packet)) }

// WriteData sends bytes as the host asks for them.
func (r *redir) WriteData(p []byte) error {
	for first := true; first || len(p) > 0; first = false {
		r.mu.Lock()
		for len(r.in) == 0 && r.gone() == nil {
			r.changed.Wait()
		}
		if err := r.gone(); err != nil {
			r.mu.Unlock()
			return err
		}
		d := r.in[0]
		r.in = r.in[1:]
		r.mu.Unlock()
		n := min(len(p), d.length)
		if err := r.answerBulk(bulkIn, d.id, redirOK, n, p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
