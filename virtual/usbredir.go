// This file is the device's side of the usbredir protocol, with which a program is a
// USB device of a virtual machine: QEMU's usb-redir connects to a socket here and asks
// for everything that its guest's kernel asks (usbredir protocol version 0.7,
// gitlab.freedesktop.org/spice/usbredir).

package virtual

import (
	"bytes"
	"context"
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
	redirCancel           = 21
	redirDisconnectAck    = 24
	redirControl          = 100
	redirBulk             = 101
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

// usbFunction is what the device shows itself as.
type usbFunction struct {
	vendor, product     uint16
	serial, name, label string
	speed               uint8
}

func (u *usbFunction) packet() uint16 {
	if u.speed >= redirHigh {
		return 512
	}
	return 64
}

const (
	bulkOut = 0x01
	bulkIn  = 0x81
)

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
		return r.send(redirAlt, id, []byte{redirOK, body[0], body[1]})
	case redirGetAlt:
		if short(1) {
			return io.ErrUnexpectedEOF
		}
		return r.send(redirAlt, id, []byte{redirOK, body[0], 0})
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

// describe tells interfaces and endpoints.
func (r *redir) describe(usb *usbFunction) error {
	info := make([]byte, 4+4*32)
	binary.LittleEndian.PutUint32(info, 1)
	info[4+32], info[4+64], info[4+96] = 0xff, 0x42, 0x03
	ends := bytes.Repeat([]byte{255}, 32) // types: 255 is none, 0 control, 2 bulk
	ends[0], ends[16] = 0, 0
	ends[bulkOut], ends[16+bulkIn&15] = 2, 2
	ends = append(ends, make([]byte, 64)...) // intervals, interfaces
	if r.caps&(1<<capMaxPacketSize) != 0 {
		sizes := make([]byte, 64)
		binary.LittleEndian.PutUint16(sizes, 64)
		binary.LittleEndian.PutUint16(sizes[2*16:], 64)
		binary.LittleEndian.PutUint16(sizes[2*bulkOut:], usb.packet())
		binary.LittleEndian.PutUint16(sizes[2*(16+bulkIn&15):], usb.packet())
		ends = append(ends, sizes...)
	}
	return errors.Join(r.send(redirInterfaceInfo, 0, info), r.send(redirEndpointInfo, 0, ends))
}

// plug shows the device to the virtual machine.
func (r *redir) plug(usb *usbFunction) error {
	r.mu.Lock()
	r.usb, r.config, r.out, r.in, r.rest, r.acked = usb, 0, nil, nil, nil, false
	broken := r.broken
	r.mu.Unlock()
	if broken != nil {
		return broken
	}
	if err := r.describe(usb); err != nil {
		return err
	}
	b := []byte{usb.speed, 0, 0, 0}
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

// descriptor gives a standard descriptor (USB 2.0, chapter 9); nil is none.
func (u *usbFunction) descriptor(kind, index uint8) []byte {
	size := u.packet()
	switch kind {
	case 1: // device
		serial := uint8(3)
		if u.serial == "" {
			serial = 0
		}
		d := []byte{18, 1, 0x00, 0x02, 0, 0, 0, 64}
		d = binary.LittleEndian.AppendUint16(d, u.vendor)
		d = binary.LittleEndian.AppendUint16(d, u.product)
		return append(d, 0x00, 0x01, 1, 2, serial, 1)
	case 2: // configuration, interface, two endpoints
		return []byte{
			9, 2, 32, 0, 1, 1, 0, 0x80, 250,
			9, 4, 0, 0, 2, 0xff, 0x42, 0x03, 4,
			7, 5, bulkOut, 2, byte(size), byte(size >> 8), 0,
			7, 5, bulkIn, 2, byte(size), byte(size >> 8), 0,
		}
	case 3: // strings
		if index == 0 {
			return []byte{4, 3, 0x09, 0x04}
		}
		texts := []string{"Huawei", u.name, u.serial, u.label}
		if int(index) > len(texts) || texts[index-1] == "" {
			return nil
		}
		d := []byte{0, 3}
		for _, c := range texts[index-1] {
			d = binary.LittleEndian.AppendUint16(d, uint16(c))
		}
		d = d[:min(len(d), 254)]
		d[0] = byte(len(d))
		return d
	}
	return nil
}

// take waits for the next transfer from the host and answers it.
func (r *redir) take() ([]byte, error) {
	r.mu.Lock()
	for len(r.out) == 0 && r.broken == nil {
		r.changed.Wait()
	}
	if r.broken != nil {
		r.mu.Unlock()
		return nil, r.broken
	}
	d := r.out[0]
	r.out = r.out[1:]
	r.mu.Unlock()
	return d.data, r.answerBulk(bulkOut, d.id, redirOK, len(d.data), nil)
}

// ReadCommand takes one transfer as a command.
func (r *redir) ReadCommand() (string, error) {
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
		for len(r.in) == 0 && r.broken == nil {
			r.changed.Wait()
		}
		if r.broken != nil {
			r.mu.Unlock()
			return r.broken
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

// function is what the tablet shows itself as in fastboot.
func (t *Tablet) function(full bool) *usbFunction {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := &usbFunction{vendor: 0x18d1, product: 0xd00d, serial: t.serial, name: "Android", label: "fastboot", speed: redirHigh}
	if t.state.Mode == "fastbootd" {
		u.product, u.label = 0x4ee0, "fastbootd"
	}
	if full {
		u.speed = redirFull
	}
	return u
}

// nowhere is the network of a tablet on a USB port, whose booted system this version
// does not show there.
type nowhere struct{}

func (nowhere) Listen(string) (net.Listener, error) {
	l := nobody{make(chan struct{}), &sync.Once{}}
	return l, nil
}

type nobody struct {
	closed chan struct{}
	once   *sync.Once
}

func (n nobody) Accept() (net.Conn, error) { <-n.closed; return nil, net.ErrClosed }
func (n nobody) Close() error              { n.once.Do(func() { close(n.closed) }); return nil }
func (n nobody) Addr() net.Addr            { return &net.UnixAddr{} }

// ServeUSB is a tablet in the port of a virtual machine, which connects to l, until ctx
// ends. With full, its speed is full instead of high.
func (t *Tablet) ServeUSB(ctx context.Context, l net.Listener, full bool) error {
	defer t.close()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		err = t.port(ctx, conn, full)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			t.config.Log("usbredir: %v", err)
		}
		var broken *storageError
		if errors.As(err, &broken) {
			return err
		}
	}
}

// port is one connection of a virtual machine.
func (t *Tablet) port(ctx context.Context, conn net.Conn, full bool) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	r, err := newRedir(conn)
	if err != nil {
		return err
	}
	wg.Go(r.read)
	for {
		if err := r.plug(t.function(full)); err != nil {
			return err
		}
		err := t.session(ctx, r)
		var gone *leave
		if !errors.As(err, &gone) {
			return err
		}
		if err := r.pull(); err != nil {
			return err
		}
		if err := t.away(ctx, gone, nowhere{}, ""); err != nil {
			return err
		}
	}
}
