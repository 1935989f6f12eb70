// This file lets devices answer with anything: whatever they say is a fault of theirs or
// of the cable, never one of this program.

package flash_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/flashtest"
	"github.com/zarya-station/zarya/flash/image"
)

// hostile is an oddDevice of which one answer is something else.
type hostile struct {
	oddTransport
	left *int // answers until then; shared by the connections of a job
	how  byte
	says []byte
}

// errWire is what a broken cable gives.
var errWire = errors.New("input/output error")

func (h *hostile) ReadPacket(ctx context.Context, p []byte) (int, error) {
	if *h.left--; *h.left != 0 {
		return h.oddTransport.ReadPacket(ctx, p)
	}
	switch h.how % 8 {
	case 0: // in place of the answer
		if len(h.queue) > 0 {
			h.queue = h.queue[1:]
		}
	case 1: // before it
	case 2: // often
		*h.left = 1
	case 3:
		return 0, fastboot.ErrOversize
	case 4:
		return 0, fastboot.ErrUnexpectedData
	case 5:
		return 0, errWire
	case 6:
		return 0, &fastboot.DeviceError{Command: "connect", Message: string(h.says)}
	case 7: // nothing more
		h.queue = nil
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return copy(p, h.says), nil
}

// hostileTarget makes a connection by a function.
type hostileTarget struct {
	connect func(context.Context) (fastboot.Transport, error)
}

func (hostileTarget) Where() flash.Where { return flash.Where{Address: "mem:hostile"} }
func (h hostileTarget) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	return h.connect(ctx)
}
func (hostileTarget) Dial(context.Context, int) (net.Conn, error) { return nil, net.ErrClosed }

// withoutBug runs a job against a device and wants no failure of class bug.
func withoutBug(t *testing.T, im *image.Image, connect func(context.Context) (fastboot.Transport, error)) {
	synctest.Test(t, func(t *testing.T) {
		e := flash.NewEvents("hostile", func(flash.Event) {})
		defer e.Close()
		steps := []flash.Step{flash.Erase{Partition: "cache"}.Step(), flash.WriteImage{Partition: "boot", Slot: "current", Image: im}.Step(),
			flash.WriteImage{Partition: "system", Image: im, Policy: image.Always}.Step(), flash.Relock{Batch: &flash.Batch{}}.Step(),
			flash.Reboot{Mode: "bootloader"}.Step()}
		ctx, cancel := context.WithTimeoutCause(t.Context(), 24*time.Hour, errors.New("the job has no end"))
		defer cancel()
		r := flash.NewEngine(flash.EngineOptions{Events: e}).Run(ctx, []flash.Job{
			{ID: "0", Scope: flash.ScopeFlash, Target: hostileTarget{connect}, Steps: steps}})[0]
		if r.Class == flash.ClassBug || r.Result == flash.Interrupted || ctx.Err() != nil {
			t.Errorf("%+v", r)
		}
	})
}

// hostileImage is small, so that the fuzzer is quick.
func hostileImage(f *testing.F) *image.Image {
	im, _ := flashtest.Image(f, bytes.Repeat([]byte("zarya123"), 1500))
	return im
}

// FuzzHostileAnswer changes one answer of a healthy device.
func FuzzHostileAnswer(f *testing.F) {
	im := hostileImage(f)
	for _, says := range []string{"OKAY", "FAIL", "FAILdata too large", "FAILunknown chunk type", "INFOx", "DATA00000000", "DATAffffffff", "",
		"x", "OKAY0xffffffffffffffff", "OKAYyes", "OKAY2", "OKAYnone", "OKAY\x00\x00", strings.Repeat("A", 300), "TEXT\xff\u202e"} {
		for at := range byte(28) {
			f.Add(at, at%8, []byte(says))
		}
	}
	f.Fuzz(func(t *testing.T, at, how byte, says []byte) {
		left := int(at) + 1
		d := &oddDevice{vars: map[string]string{"product": "X", "serialno": "S1", "max-download-size": "0x10000", "max-fetch-size": "0x1000",
			"unlocked": "yes", "slot-count": "2", "has-slot:boot": "yes", "current-slot": "a", "partition-size:boot_a": "0x100000"}}
		withoutBug(t, im, func(context.Context) (fastboot.Transport, error) {
			return &hostile{oddTransport: oddTransport{d: d}, left: &left, how: how, says: says}, nil
		})
	})
}

// saidConn is a connection on which all that is ever said is fixed.
type saidConn struct {
	net.Conn // nil
	said     io.Reader
	packets  bool // one Read is one packet of a byte of length
}

func (c *saidConn) Read(p []byte) (int, error) {
	if !c.packets {
		return c.said.Read(p)
	}
	var size [1]byte
	if _, err := io.ReadFull(c.said, size[:]); err != nil {
		return 0, net.ErrClosed
	}
	n, _ := io.ReadFull(c.said, p[:min(len(p), int(size[0]))]) // the last packet may be cut off
	return n, nil
}

func (c *saidConn) Write(p []byte) (int, error)     { return len(p), nil }
func (c *saidConn) Close() error                    { return nil }
func (c *saidConn) SetDeadline(time.Time) error     { return nil }
func (c *saidConn) SetReadDeadline(time.Time) error { return nil }
func (c *saidConn) RemoteAddr() net.Addr            { return &net.TCPAddr{} }

// FuzzHostileConnection says anything from the first byte on, over TCP and UDP.
func FuzzHostileConnection(f *testing.F) {
	im := hostileImage(f)
	message := func(s string) string { return string([]byte{0, 0, 0, 0, 0, 0, 0, byte(len(s))}) + s }
	f.Add(false, []byte(""))
	f.Add(false, []byte("FB"))
	f.Add(false, []byte("FB00"))
	f.Add(false, []byte("SSH-2.0-x\r\n"))
	f.Add(false, []byte("FB01"+message("OKAYx")+message("FAILno")))
	f.Add(false, []byte("FB01\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(true, []byte("\x06\x01\x00\x00\x00\x00\x00"))
	f.Add(true, []byte("\x04\x00\x00\x00\x00"))
	f.Add(true, []byte("\x08\x00\x00\x00\x00busy"))
	f.Add(true, []byte("\x06\x01\x00\x00\x00\x00\x10\x08\x02\x00\x00\x10\x00\x01\x00\x08"))
	f.Add(true, []byte("\x06\x01\x00\x00\x00\x00\x10\x08\x02\x00\x00\x10\x00\x01\x04\x00\x08\x00\x00\x00\x11gone"))
	f.Fuzz(func(t *testing.T, udp bool, data []byte) {
		said := bytes.NewReader(data)
		withoutBug(t, im, func(ctx context.Context) (fastboot.Transport, error) {
			if udp {
				u, err := fastboot.NewDatagram(ctx, &saidConn{said: said, packets: true})
				if err != nil {
					return nil, err
				}
				return u, nil
			}
			s, err := fastboot.NewStream(ctx, &saidConn{said: said})
			if err != nil {
				return nil, err
			}
			return s, nil
		})
	})
}
