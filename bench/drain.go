//go:build linux

// This file is the other end of the wire: devices that speak just enough fastboot over
// TCP to be flashed, and throw the payload away without copying it, so that what is
// measured is the client.

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// mark is one line that the drain says to the bench.
type mark struct {
	Event   string   `json:"event"` // ready, first (payload byte), flashed, sync
	Device  int      `json:"device"`
	At      int64    `json:"at"` // ns, Unix
	Bytes   int64    `json:"bytes,omitempty"`
	Address []string `json:"address,omitempty"`
}

// spec is a set of devices.
type spec struct {
	Devices     int
	MaxDownload int64
	Rate        int64 // bytes a second of one wire; 0: unlimited
	BusRate     int64 // of all wires together
	WriteRate   int64 // of one device's storage: how long flash takes
}

// drain is the devices, in a process of their own.
type drain struct {
	spec
	mu  sync.Mutex
	out *json.Encoder
	bus *pace
}

func (d *drain) say(m mark) {
	m.At = time.Now().UnixNano()
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.out.Encode(m)
}

// run serves until standard input ends. A line there is answered by a sync mark.
func (d *drain) run() error {
	d.out, d.bus = json.NewEncoder(os.Stdout), &pace{rate: d.BusRate}
	ready := mark{Event: "ready"}
	for i := range d.Devices {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		ready.Address = append(ready.Address, l.Addr().String())
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					if err := d.serve(i, conn.(*net.TCPConn)); !errors.Is(err, io.EOF) {
						fmt.Fprintf(os.Stderr, "device %d: %v\n", i, err)
					}
				}()
			}
		}()
	}
	d.say(ready)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		d.say(mark{Event: "sync"})
	}
	return nil
}

// serve answers one host.
func (d *drain) serve(device int, conn *net.TCPConn) error {
	if _, err := conn.Write([]byte("FB01")); err != nil {
		return err
	}
	hello := make([]byte, 4)
	if _, err := io.ReadFull(conn, hello); err != nil {
		return err
	}
	variables := map[string]string{
		"product": "BENCH", "serialno": fmt.Sprintf("BENCH%04d", device), "version": "0.4", "unlocked": "yes", "secure": "no",
		"max-download-size": fmt.Sprintf("0x%x", d.MaxDownload), "partition-size:system": "0x100000000", "partition-type:system": "raw",
		"has-slot:system": "no", "is-logical:system": "no", "is-userspace": "no",
	}
	wire := pace{rate: d.Rate}
	var downloaded int64
	reply := func(s string) error {
		b := binary.BigEndian.AppendUint64(nil, uint64(len(s)))
		_, err := conn.Write(append(b, s...))
		return err
	}
	length := make([]byte, 8)
	for {
		if _, err := io.ReadFull(conn, length); err != nil {
			return err
		}
		n := binary.BigEndian.Uint64(length)
		if n > 4096 {
			return fmt.Errorf("a command of %d bytes", n)
		}
		text := make([]byte, n)
		if _, err := io.ReadFull(conn, text); err != nil {
			return err
		}
		command, argument, _ := strings.Cut(string(text), ":")
		answer := "OKAY"
		switch command {
		case "getvar":
			value, ok := variables[argument]
			if answer = "OKAY" + value; !ok {
				answer = "FAILunknown variable"
			}
		case "download":
			size, err := strconv.ParseInt(argument, 16, 64)
			if err != nil || size > d.MaxDownload {
				answer = "FAILdata too large"
				break
			}
			if err := reply(fmt.Sprintf("DATA%08x", size)); err != nil {
				return err
			}
			for left := size; left > 0; {
				if _, err := io.ReadFull(conn, length); err != nil {
					return err
				}
				part := int64(binary.BigEndian.Uint64(length))
				if part > left {
					return fmt.Errorf("%d bytes more than were announced", part-left)
				}
				if left == size {
					d.say(mark{Event: "first", Device: device})
				}
				if err := d.discard(conn, part, &wire); err != nil {
					return err
				}
				left -= part
			}
			downloaded = size
		case "flash":
			if d.WriteRate > 0 {
				time.Sleep(time.Duration(float64(downloaded) / float64(d.WriteRate) * 1e9))
			}
			d.say(mark{Event: "flashed", Device: device, Bytes: downloaded})
		}
		if err := reply(answer); err != nil {
			return err
		}
	}
}

// nowhere has a length that counts; nothing is put there.
var nowhere [1 << 20]byte

// discard drops n bytes inside the kernel (tcp(7), MSG_TRUNC), no faster than the wire.
func (d *drain) discard(conn *net.TCPConn, n int64, wire *pace) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	most := int64(len(nowhere))
	if d.Rate > 0 || d.BusRate > 0 {
		most = 64 << 10
	}
	low := int64(1)
	defer func() { _ = wakeAt(raw, 1) }()
	for n > 0 {
		// Being woken for every 64 KiB would cost more than the bytes do.
		if want := min(most/2, n); want != low {
			if err := wakeAt(raw, want); err != nil {
				return err
			}
			low = want
		}
		var got int
		if rerr := raw.Read(func(fd uintptr) bool {
			for {
				got, _, err = syscall.Recvfrom(int(fd), nowhere[:min(most, n)], syscall.MSG_TRUNC|syscall.MSG_DONTWAIT)
				if !errors.Is(err, syscall.EINTR) {
					return !errors.Is(err, syscall.EAGAIN)
				}
			}
		}); rerr != nil {
			return rerr
		}
		if err != nil {
			return err
		}
		if got == 0 {
			return io.ErrUnexpectedEOF
		}
		n -= int64(got)
		wire.take(int64(got))
		d.bus.take(int64(got))
	}
	return nil
}

// wakeAt sets how much must have come before a reader is woken (SO_RCVLOWAT).
func wakeAt(c syscall.RawConn, n int64) (err error) {
	if cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, int(n))
	}); cerr != nil {
		return cerr
	}
	return err
}

// pace holds bytes to a rate.
type pace struct {
	rate int64 // 0: any
	mu   sync.Mutex
	next time.Time
}

func (p *pace) take(n int64) {
	if p.rate == 0 {
		return
	}
	p.mu.Lock()
	now := time.Now()
	if late := now.Add(-20 * time.Millisecond); p.next.Before(late) { // a pause is not made up for
		p.next = late
	}
	p.next = p.next.Add(time.Duration(float64(n) / float64(p.rate) * 1e9))
	until := p.next
	p.mu.Unlock()
	if wait := until.Sub(now); wait > time.Millisecond {
		time.Sleep(wait)
	}
}
