// This file runs the suite over UDP on loopback, plainly and through a relay
// that drops, repeats and delays packets, and answers badly.

package fastboot_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/fastboot/fastboottest"
)

// udpDevice is a tablet's side of UDP, written from the protocol's text. It
// answers a packet when the script asks for it; a packet that was answered is
// answered again, with the same bytes, when it comes again.
type udpDevice struct {
	conn    net.PacketConn
	version uint16
	size    uint16 // largest packet, as the device says
	first   uint16 // sequence number

	mu      sync.Mutex
	cond    sync.Cond
	next    uint16   // guarded by mu; the sequence number that is due
	last    []byte   // guarded by mu; the answer to the one before
	waiting []byte   // guarded by mu; a packet that no script has answered yet
	from    net.Addr // guarded by mu
	closed  bool     // guarded by mu
	counts           // guarded by mu
}

// counts are what the host was seen to do.
type counts struct{ packets, repeated, stale int }

func newUDPDevice(t *testing.T, size uint16) *udpDevice {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &udpDevice{conn: conn, version: 1, size: size, first: 0xfff0} // wraps soon
	d.cond.L = &d.mu
	done := make(chan struct{})
	t.Cleanup(func() { _ = d.Close(); <-done })
	go func() { defer close(done); d.serve() }()
	return d
}

func (d *udpDevice) serve() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := d.conn.ReadFrom(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		if n >= 4 {
			d.packet(bytes.Clone(buf[:n]), from)
		}
	}
}

func (d *udpDevice) packet(p []byte, from net.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.packets++
	d.from = from
	seq := binary.BigEndian.Uint16(p[2:])
	switch {
	case p[0] == 1: // query, at any time
		if d.last == nil {
			d.next = d.first
		}
		d.send([]byte{1, 0, p[2], p[3], byte(d.first >> 8), byte(d.first)})
	case seq == d.next-1 && d.last != nil:
		d.repeated++
		d.send(d.last)
	case seq != d.next:
		d.stale++
	case p[0] == 2:
		d.answer(p, 0, binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, d.version), d.size))
	case d.waiting != nil:
		d.repeated++
	default:
		d.waiting = p
		d.cond.Broadcast()
	}
}

func (d *udpDevice) send(p []byte) { _, _ = d.conn.WriteTo(p, d.from) }

func (d *udpDevice) answer(to []byte, flags byte, payload []byte) {
	d.last = append([]byte{to[0], flags, to[2], to[3]}, payload...)
	d.next++
	d.waiting = nil
	d.send(d.last)
}

// receive waits for the next packet of the host.
func (d *udpDevice) receive() ([]byte, error) {
	for d.waiting == nil && !d.closed {
		d.cond.Wait()
	}
	if d.closed {
		return nil, net.ErrClosed
	}
	return d.waiting, nil
}

func (d *udpDevice) ReadData(n int) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var data []byte
	for len(data) < n {
		p, err := d.receive()
		if err != nil {
			return nil, err
		}
		if len(p) > int(min(d.size, 8192)) {
			return nil, fmt.Errorf("a packet of %d bytes, the limit is %d", len(p), d.size)
		}
		data = append(data, p[4:]...)
		d.answer(p, 0, nil)
	}
	return data[:n], nil // the suite asks for less than came only where nothing follows
}

func (d *udpDevice) ReadCommand() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		p, err := d.receive()
		if err != nil {
			return "", err
		}
		d.answer(p, 0, nil)
		if len(p) > 4 {
			return string(p[4:]), nil
		}
	}
}

func (d *udpDevice) Reply(packet string) error { return d.WriteData([]byte(packet)) }

func (d *udpDevice) WriteData(data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for room := int(min(d.size, 8192)) - 4; ; {
		p, err := d.receive()
		if err != nil {
			return err
		}
		if len(p) > 4 {
			return fmt.Errorf("the host sends %q where it should listen", p[4:min(len(p), 40)])
		}
		part, flags := data, byte(0)
		if len(data) > room {
			part, flags = data[:room], 1
		}
		d.answer(p, flags, part)
		if data = data[len(part):]; len(data) == 0 {
			return nil
		}
	}
}

func (d *udpDevice) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.cond.Broadcast()
	return d.conn.Close()
}

func (d *udpDevice) seen() counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts
}

// dialUDP connects and says how long to wait before a packet is sent again.
func dialUDP(t *testing.T, address string, again time.Duration) (*fastboot.Datagram, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	u, err := fastboot.NewDatagramEvery(ctx, conn, again)
	if err != nil {
		_ = conn.Close()
	}
	return u, err
}

func TestUDP(t *testing.T) {
	for _, size := range []uint16{512, 65535} {
		t.Run(fmt.Sprintf("packets of %d bytes", size), func(t *testing.T) {
			fastboottest.Run(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
				d := newUDPDevice(t, size)
				host, err := fastboot.DialUDP(t.Context(), d.conn.LocalAddr().String())
				if err != nil {
					t.Fatal(err)
				}
				return host, d
			})
		})
	}
}

// relay stands between a host and a device and makes a bad network of it.
type relay struct {
	near, far net.PacketConn // towards the host, towards the device
	device    net.Addr

	mu                       sync.Mutex
	rng                      *rand.Rand // guarded by mu
	host                     net.Addr   // guarded by mu
	dropped, doubled, pended int        // guarded by mu
}

func newRelay(t *testing.T, device net.Addr, seed uint64) *relay {
	t.Helper()
	near, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{near: near, far: far, device: device, rng: rand.New(rand.NewPCG(seed, 0))}
	var wg sync.WaitGroup
	wg.Go(func() {
		r.pump(near, far, func(from net.Addr) net.Addr {
			r.host = from
			return device
		})
	})
	wg.Go(func() { r.pump(far, near, func(net.Addr) net.Addr { return r.host }) })
	t.Cleanup(func() { _, _ = near.Close(), far.Close(); wg.Wait() })
	return r
}

func (r *relay) pump(in, out net.PacketConn, to func(from net.Addr) net.Addr) {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := in.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		r.mu.Lock()
		dest, luck := to(from), r.rng.IntN(100)
		wait := time.Duration(1+r.rng.IntN(8)) * time.Millisecond
		p := bytes.Clone(buf[:n])
		send := func() { _, _ = out.WriteTo(p, dest) }
		switch {
		case luck < 3:
			r.dropped++
		case luck < 6:
			r.doubled++
			send()
			send()
		case luck < 9: // later than what follows, or than its repetition
			r.pended++
			time.AfterFunc(wait, send)
		case luck < 10: // now and again later, when it is stale
			r.doubled++
			send()
			time.AfterFunc(wait, send)
		default:
			send()
		}
		r.mu.Unlock()
	}
}

// TestUDPOverABadNetwork: the whole suite, and every byte still arrives once and
// in order.
func TestUDPOverABadNetwork(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var relays []*relay
	var devices []*udpDevice
	fastboottest.Run(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
		d := newUDPDevice(t, 8192)
		r := newRelay(t, d.conn.LocalAddr(), seed+uint64(len(relays)))
		relays, devices = append(relays, r), append(devices, d)
		host, err := dialUDP(t, r.near.LocalAddr().String(), 3*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		return host, d
	})
	var dropped, doubled, pended int
	var all counts
	for i, r := range relays {
		c := devices[i].seen()
		dropped, doubled, pended = dropped+r.dropped, doubled+r.doubled, pended+r.pended
		all = counts{all.packets + c.packets, all.repeated + c.repeated, all.stale + c.stale}
	}
	t.Logf("%d dropped, %d doubled, %d delayed; the devices saw %+v", dropped, doubled, pended, all)
	if dropped == 0 || doubled == 0 || pended == 0 || all.repeated == 0 {
		t.Error("the network was not bad")
	}
}
