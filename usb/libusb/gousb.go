//go:build cgo

// This file claims a tablet's fastboot interface through gousb, and says what libusb's
// errors mean.

package libusb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/gousb"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// Available says that this program can use USB devices.
const Available = true

const (
	settleFor   = 2 * time.Second // after arrival the node may not be ours yet (udev)
	controlTime = 5 * time.Second
)

// claimed is a device with its fastboot interface claimed.
type claimed struct {
	node   string
	ctx    *gousb.Context
	device *gousb.Device
	config *gousb.Config
	iface  *gousb.Interface
	out    *gousb.OutEndpoint
	in     *gousb.InEndpoint
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
func (h *Host) Open(ctx context.Context, bus, address int) (*Conn, error) {
	deadline := time.Now().Add(settleFor)
	for {
		p, err := claim(bus, address)
		if err == nil {
			return h.newConn(p.node, p), nil
		}
		var e *Error
		if !errors.As(err, &e) || e.Kind != Permission || time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func claim(bus, address int) (*claimed, error) {
	c := &claimed{node: node(bus, address)}
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
		err = c.claimInterface()
	}
	if err != nil {
		err = c.explain(err)
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// claimInterface claims the fastboot interface and opens its two bulk endpoints.
func (c *claimed) claimInterface() error {
	active, err := c.device.ActiveConfigNum()
	if err != nil {
		return err
	}
	s, in, out, ok := fastbootInterface(c.device.Desc, active)
	if !ok {
		return &Error{Kind: NotFastboot, Node: c.node}
	}
	if c.config, err = c.device.Config(active); err != nil {
		return err
	}
	if c.iface, err = c.config.Interface(s.Number, s.Alternate); err != nil {
		return err
	}
	if c.in, err = c.iface.InEndpoint(in); err != nil {
		return err
	}
	c.out, err = c.iface.OutEndpoint(out)
	return err
}

// fastbootInterface finds the interface ff/42/03 with two bulk endpoints in the active
// configuration (AOSP fastboot.cpp), and the numbers of the endpoints.
func fastbootInterface(d *gousb.DeviceDesc, active int) (s gousb.InterfaceSetting, in, out int, ok bool) {
	for _, i := range d.Configs[active].Interfaces {
		for _, s := range i.AltSettings {
			if s.Class != gousb.ClassVendorSpec || s.SubClass != 0x42 || s.Protocol != 0x03 {
				continue
			}
			in, out := 0, 0
			for _, address := range slices.Sorted(maps.Keys(s.Endpoints)) {
				switch e := s.Endpoints[address]; {
				case e.TransferType != gousb.TransferTypeBulk || e.MaxPacketSize <= 0:
				case e.Direction == gousb.EndpointDirectionIn:
					in = cmp.Or(in, e.Number)
				default:
					out = cmp.Or(out, e.Number)
				}
			}
			if in != 0 && out != 0 {
				return s, in, out, true
			}
		}
	}
	return s, 0, 0, false
}

func (c *claimed) packetSize() int { return c.in.Desc.MaxPacketSize }

func (c *claimed) write(ctx context.Context, p []byte) error {
	_, err := c.out.WriteContext(ctx, p)
	return c.explain(err)
}

func (c *claimed) read(ctx context.Context, p []byte) (int, error) {
	n, err := c.in.ReadContext(ctx, p)
	return n, c.explain(err)
}

func (c *claimed) stream(size, depth int) (stream, error) {
	s, err := c.out.NewStream(size, depth)
	if err != nil {
		return nil, c.explain(err)
	}
	return gousbStream{s, c}, nil
}

// gousbStream explains the errors of a stream.
type gousbStream struct {
	*gousb.WriteStream
	c *claimed
}

func (s gousbStream) WriteContext(ctx context.Context, p []byte) (int, error) {
	n, err := s.WriteStream.WriteContext(ctx, p)
	return n, s.c.explain(err)
}

func (s gousbStream) CloseContext(ctx context.Context) error {
	return s.c.explain(s.WriteStream.CloseContext(ctx))
}

// close closes in the only order that does not wait: interface, configuration, device,
// context.
func (c *claimed) close() error {
	var errs []error
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

// explain makes of what libusb says what package pipes promises.
func (c *claimed) explain(err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	kind := Unavailable
	switch code, status := errorCode(err), transferStatus(err); {
	case code == gousb.ErrorNoMem:
		return fmt.Errorf("%w: %w", errNoMemory, err)
	case code == gousb.ErrorOverflow, status == gousb.TransferOverflow:
		return fmt.Errorf("%w: %w", fastboot.ErrOversize, err)
	case code == gousb.ErrorAccess:
		kind = Permission
	case code == gousb.ErrorBusy:
		kind = Busy
	case code == gousb.ErrorNoDevice, code == gousb.ErrorNotFound, code == gousb.ErrorIO, code == gousb.ErrorPipe,
		status == gousb.TransferNoDevice, status == gousb.TransferError, status == gousb.TransferStall:
		kind = Gone
	}
	return &Error{Kind: kind, Node: c.node, Err: err}
}

// quotedCode is libusb's number at the end of an error that gousb quotes and does not
// wrap, as it does when it selects a configuration or claims an interface.
var quotedCode = lazyregexp.New(`\[code (-?[0-9]+)\]$`)

// errorCode returns libusb's number for an error; Success is none.
func errorCode(err error) gousb.Error {
	var code gousb.Error
	if errors.As(err, &code) {
		return code
	}
	if m := quotedCode.FindStringSubmatch(err.Error()); m != nil {
		if n, err := strconv.ParseInt(m[1], 10, 32); err == nil {
			return gousb.Error(n)
		}
	}
	return gousb.Success
}

// transferStatus returns how a transfer ended; TransferCompleted is no error of one.
func transferStatus(err error) gousb.TransferStatus {
	var status gousb.TransferStatus
	if errors.As(err, &status) {
		return status
	}
	return gousb.TransferCompleted
}
