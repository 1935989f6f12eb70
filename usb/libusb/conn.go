//go:build cgo

// This file is one tablet's fastboot interface, claimed and held: bulk pipes as the
// transport that the fastboot client wants.

package libusb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/gousb"
)

// Available says that this program can use USB devices.
const Available = true

const (
	settleFor   = 2 * time.Second // after arrival the node may not be ours yet (udev)
	giveUpAfter = 3 * time.Second // for a cancelled transfer to come back
	controlTime = 5 * time.Second
	packetRoom  = 4096 // a read has room for whole packets, so that none overflows
)

// Conn is a claimed fastboot interface. Its methods are those of fastboot.Transport.
type Conn struct {
	node   string
	ctx    *gousb.Context
	device *gousb.Device
	config *gousb.Config
	iface  *gousb.Interface
	out    *gousb.OutEndpoint
	in     *gousb.InEndpoint

	queue   queue
	pending []byte // less than a piece, not sent yet

	wedged atomic.Bool // a call never came back: nothing is closed, the process keeps it
	closed sync.Once
	end    error
}

// open counts the tablets that share the host's usbfs memory.
var open atomic.Int32

// usbfsBytes is the kernel's budget for all devices and processes of the host.
func usbfsBytes() int {
	text, err := os.ReadFile("/sys/module/usbcore/parameters/usbfs_memory_mb")
	n, nerr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || nerr != nil {
		return 16 << 20 // the kernel's own default
	}
	if n == 0 {
		return 1 << 30 // no limit
	}
	return n << 20
}

// memory is what was learnt about it.
var memory throttle

// gousbStream tells ENOMEM by its name.
type gousbStream struct{ *gousb.WriteStream }

func (s gousbStream) WriteContext(ctx context.Context, p []byte) (int, error) {
	n, err := s.WriteStream.WriteContext(ctx, p)
	return n, noMemory(err)
}

func (s gousbStream) CloseContext(ctx context.Context) error {
	return noMemory(s.WriteStream.CloseContext(ctx))
}

func noMemory(err error) error {
	if err != nil && isError(err, gousb.ErrorNoMem) {
		return fmt.Errorf("%w: %w", errNoMemory, err)
	}
	return err
}

// newQueue makes the queue of the tablet's data.
func (c *Conn) newQueue() queue {
	return queue{
		throttle: &memory,
		want:     func() int { return depthFor(usbfsBytes(), int(open.Load())) },
		open: func(depth int) (stream, error) {
			s, err := c.out.NewStream(pieceSize, depth)
			return gousbStream{s}, noMemory(err)
		},
	}
}

// newContext starts libusb, which panics in gousb when it cannot.
func newContext() (ctx *gousb.Context, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Kind: Unavailable, Err: fmt.Errorf("%v", p)}
		}
	}()
	return gousb.NewContext(), nil
}

// Open claims the fastboot interface of the device with this boot's bus and address.
func Open(ctx context.Context, bus, address int) (*Conn, error) {
	deadline := time.Now().Add(settleFor)
	for {
		c, err := claim(bus, address)
		var e *Error
		if err == nil || !errors.As(err, &e) || e.Kind != Permission || time.Now().After(deadline) {
			return c, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func claim(bus, address int) (*Conn, error) {
	c := &Conn{node: node(bus, address)}
	var err error
	// A context of its own for each tablet: what wedges in one, wedges in no other.
	if c.ctx, err = newContext(); err != nil {
		return nil, err
	}
	devices, err := c.ctx.OpenDevices(func(d *gousb.DeviceDesc) bool { return d.Bus == bus && d.Address == address })
	if len(devices) > 0 {
		c.device = devices[0]
		err = nil // of other devices
	}
	if err == nil && c.device == nil {
		err = gousb.ErrorNoDevice
	}
	if err == nil {
		c.device.ControlTimeout = controlTime
		err = c.find()
	}
	if err != nil {
		err = c.explain(err)
		_ = c.release()
		return nil, err
	}
	c.queue = c.newQueue()
	open.Add(1)
	return c, nil
}

// find claims the interface ff/42/03 and its two bulk endpoints (AOSP fastboot.cpp).
func (c *Conn) find() error {
	active, err := c.device.ActiveConfigNum()
	if err != nil {
		return err
	}
	for _, cfg := range c.device.Desc.Configs {
		if cfg.Number != active {
			continue
		}
		for _, i := range cfg.Interfaces {
			for _, s := range i.AltSettings {
				if s.Class != gousb.ClassVendorSpec || s.SubClass != 0x42 || s.Protocol != 0x03 {
					continue
				}
				if c.config, err = c.device.Config(active); err != nil {
					return err
				}
				if c.iface, err = c.config.Interface(s.Number, s.Alternate); err != nil {
					return err
				}
				for _, e := range s.Endpoints {
					if e.TransferType != gousb.TransferTypeBulk {
						continue
					}
					if e.Direction == gousb.EndpointDirectionIn {
						c.in, err = c.iface.InEndpoint(e.Number)
					} else {
						c.out, err = c.iface.OutEndpoint(e.Number)
					}
					if err != nil {
						return err
					}
				}
				if c.in != nil && c.out != nil {
					return nil
				}
			}
		}
	}
	return &Error{Kind: NotFastboot, Node: c.node}
}

// explain makes an *Error of what libusb says.
func (c *Conn) explain(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	for kind, those := range kinds {
		for _, e := range those {
			if isError(err, e) {
				return &Error{Kind: kind, Node: c.node, Err: err}
			}
		}
	}
	return &Error{Kind: Unavailable, Node: c.node, Err: err}
}

// kinds are libusb's errors by what they mean here.
var kinds = map[Kind][]error{
	Permission: {gousb.ErrorAccess},
	Busy:       {gousb.ErrorBusy},
	Gone: {gousb.ErrorNoDevice, gousb.ErrorNotFound, gousb.TransferNoDevice, gousb.ErrorIO, gousb.TransferError,
		gousb.TransferStall, gousb.ErrorPipe},
}

// isError also knows an error by its text at the end, because gousb does not wrap what
// it quotes.
func isError(err, target error) bool {
	return errors.Is(err, target) || strings.HasSuffix(err.Error(), target.Error())
}

// bounded runs a call that should end with ctx, and gives the port up if it does not.
func (c *Conn) bounded(ctx context.Context, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return c.outcome(ctx, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return c.outcome(ctx, err)
	case <-time.After(giveUpAfter):
		c.wedged.Store(true)
		return &Error{Kind: Wedged, Node: c.node, Err: context.Cause(ctx)}
	}
}

func (c *Conn) outcome(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return c.explain(err)
}

// WritePacket sends one command as one transfer.
func (c *Conn) WritePacket(ctx context.Context, p []byte) error {
	if err := c.flush(ctx); err != nil {
		return err
	}
	return c.writeOnce(ctx, p)
}

// writeOnce sends one transfer.
func (c *Conn) writeOnce(ctx context.Context, p []byte) error {
	return c.bounded(ctx, func() error {
		return patiently(ctx, func() error {
			_, err := c.out.WriteContext(ctx, p)
			return noMemory(err)
		})
	})
}

// readOnce reads one transfer that is not empty.
func (c *Conn) readOnce(ctx context.Context, buf []byte) (n int, err error) {
	err = c.bounded(ctx, func() (err error) {
		for n == 0 && err == nil && ctx.Err() == nil { // packets of length zero are no responses
			err = patiently(ctx, func() (err error) {
				n, err = c.in.ReadContext(ctx, buf)
				return noMemory(err)
			})
		}
		return err
	})
	return n, err
}

// ReadPacket reads one response.
func (c *Conn) ReadPacket(ctx context.Context, p []byte) (int, error) {
	if err := c.flush(ctx); err != nil {
		return 0, err
	}
	buf := make([]byte, packetRoom) // its own: a wedged transfer keeps it
	n, err := c.readOnce(ctx, buf)
	if err == nil && n > len(p) {
		err = fmt.Errorf("%w (%d bytes)", ErrOversize, n)
	}
	if err != nil {
		return 0, err
	}
	return copy(p, buf[:n]), nil
}

// WriteData queues bytes. Only whole pieces go out until a packet is read or written,
// so that no transfer but the last is short.
func (c *Conn) WriteData(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		if len(c.pending) == 0 && len(p) >= pieceSize {
			if err := c.push(ctx, p[:pieceSize]); err != nil {
				return err
			}
			p = p[pieceSize:]
			continue
		}
		n := min(pieceSize-len(c.pending), len(p))
		c.pending = append(c.pending, p[:n]...)
		p = p[n:]
		if len(c.pending) == pieceSize {
			if err := c.push(ctx, c.pending); err != nil {
				return err
			}
			c.pending = c.pending[:0]
		}
	}
	return nil
}

// push hands one whole piece to the queue. gousb's streams send all of a transfer,
// however little was written to it.
func (c *Conn) push(ctx context.Context, p []byte) error {
	return c.bounded(ctx, func() error { return c.queue.push(ctx, p) })
}

// flush sends what is held back and waits until all of it was taken.
func (c *Conn) flush(ctx context.Context) error {
	if c.queue.stream != nil {
		if err := c.bounded(ctx, func() error { return c.queue.drain(ctx) }); err != nil {
			return err
		}
	}
	rest := c.pending
	if c.pending = nil; len(rest) > 0 {
		return c.writeOnce(ctx, rest)
	}
	return nil
}

// ReadData reads bytes of a data phase.
func (c *Conn) ReadData(ctx context.Context, p []byte) (int, error) {
	if err := c.flush(ctx); err != nil {
		return 0, err
	}
	size := c.in.Desc.MaxPacketSize
	buf := make([]byte, (min(len(p), pieceSize)+size-1)/size*size)
	n, err := c.readOnce(ctx, buf)
	if err == nil && n > len(p) {
		err = fmt.Errorf("%w (%d bytes of data for %d)", ErrOversize, n, len(p))
	}
	if err != nil {
		return 0, err
	}
	return copy(p, buf[:n]), nil
}

// Close gives the interface back. A wedged port is left to the end of the process.
func (c *Conn) Close() error {
	c.closed.Do(func() {
		open.Add(-1)
		if c.wedged.Load() {
			return
		}
		done := make(chan error, 1)
		go func() { done <- c.release() }()
		select {
		case c.end = <-done:
		case <-time.After(giveUpAfter):
			c.end = &Error{Kind: Wedged, Node: c.node}
		}
	})
	return c.end
}

// release closes in the only order that does not wait: interface, configuration,
// device, context.
func (c *Conn) release() error {
	var errs []error
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = c.queue.drain(ctx) // what is in flight is cancelled
	if c.iface != nil {
		c.iface.Close()
	}
	if c.config != nil {
		errs = append(errs, c.config.Close())
	}
	if c.device != nil {
		errs = append(errs, c.device.Close())
	}
	return errors.Join(append(errs, c.ctx.Close())...)
}
