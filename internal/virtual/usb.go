// This file is a tablet in the ports of a virtual machine: which mode it shows, and
// where.

package virtual

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/zarya-station/zarya/internal/virtual/adbd"
	"github.com/zarya-station/zarya/internal/virtual/bootloader"
	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/netstack"
	"github.com/zarya-station/zarya/internal/virtual/storage"
	"github.com/zarya-station/zarya/internal/virtual/usbredir"
)

// Ports are the sockets that a virtual machine's USB ports are connected to.
type Ports interface {
	// Listen begins to listen for the virtual machine at a port. A port where nothing
	// listens is empty.
	Listen(port int) (net.Listener, error)
}

// ServeUSB is a tablet in a port of a virtual machine until ctx ends. With full, its
// speed in fastboot is full instead of high.
func (t *Tablet) ServeUSB(ctx context.Context, ports Ports, port int, full bool) error {
	defer t.close()
	for {
		l, err := ports.Listen(port)
		if err != nil {
			return err
		}
		closeListener := closeWith(ctx, l)
		next, err := t.serveInPort(ctx, l, full)
		closeListener() // so that the port is empty
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		t.device.Log("comes back in port %d", next)
		port = next
	}
}

// serveInPort answers the virtual machine at one port until the tablet is put into another,
// which it returns.
func (t *Tablet) serveInPort(ctx context.Context, l net.Listener, full bool) (int, error) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return 0, err
		}
		err = t.serveConnection(ctx, conn, full)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		var gone *device.Departure
		if errors.As(err, &gone) {
			return gone.Port, nil
		}
		t.device.Log("usbredir: %v", err)
		var broken *storage.Error
		if errors.As(err, &broken) {
			return 0, err
		}
	}
}

// serveConnection is one connection of a virtual machine; a *device.Departure is a tablet that goes to
// another port.
func (t *Tablet) serveConnection(ctx context.Context, conn net.Conn, full bool) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer closeWith(ctx, conn)()
	r, err := usbredir.Accept(conn)
	if err != nil {
		return err
	}
	wg.Go(r.Run)
	speed := usbredir.HighSpeed
	if full {
		speed = usbredir.FullSpeed
	}
	gone := t.afterPull()
	for {
		if gone == nil {
			serve := func() error { return t.bootloader.Serve(ctx, bootloader.OverUSB(r)) }
			if t.State().Mode == device.ModeADB {
				serve = func() error { return adbd.Serve(t.device, r) }
			}
			if err := r.Plug(t.function(speed)); err != nil {
				return err
			}
			if err := serve(); !errors.As(err, &gone) {
				return err
			}
			if err := r.Pull(); err != nil {
				return err
			}
		}
		if err := t.stayAway(ctx, gone, func() (net.Listener, error) { return t.plugNetwork(r) }); err != nil {
			return err
		}
		if gone.Port != 0 {
			return gone
		}
		gone = nil
	}
}

// afterPull is what goes on with a tablet that was booted when its port was taken away.
func (t *Tablet) afterPull() *device.Departure {
	switch t.State().Mode {
	case device.ModeSystem, device.ModeBooting, device.ModeDead:
		return &device.Departure{Mode: device.ModeSystem, Back: true}
	}
	return nil
}

// function is what the tablet shows itself as in fastboot and in Android.
func (t *Tablet) function(speed usbredir.Speed) *usbredir.Function {
	serial := t.device.Serial()
	switch t.State().Mode {
	case device.ModeADB:
		return usbredir.VendorFunction(0x12d1, 0x107e, serial, t.device.Config.Family.Product, "ADB Interface", 0x01, speed)
	case device.ModeFastbootd:
		return usbredir.VendorFunction(0x18d1, 0x4ee0, serial, "Android", "fastbootd", 0x03, speed)
	}
	return usbredir.VendorFunction(0x18d1, 0xd00d, serial, "Android", "fastboot", 0x03, speed)
}

// plugNetwork plugs the booted tablet in as a network function, and returns a listener
// inside its network. Closing the listener pulls the function out.
func (t *Tablet) plugNetwork(r *usbredir.Connection) (net.Listener, error) {
	hostMAC, tabletMAC := usbredir.Addresses(t.device.Config.Serial)
	network, err := netstack.New(tabletMAC)
	if err != nil {
		return nil, err
	}
	inner, err := network.Listen()
	if err == nil {
		// Frames at high speed, from many at once, are more than QEMU's xHCI takes.
		err = r.Plug(usbredir.NetworkFunction(t.device.Serial(), "Aurora", hostMAC, usbredir.FullSpeed))
	}
	if err != nil {
		network.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		network.Run(ctx, r)
		_ = inner.Close() // the port is gone, and with it whoever could call
	})
	return &networkListener{Listener: inner, pull: func() {
		_ = r.Pull() // network.Run sees it too
		cancel()
		_ = inner.Close()
		wg.Wait()
		network.Close()
	}}, nil
}

// networkListener is the booted tablet's listener; closing it pulls the network function
// out, once.
type networkListener struct {
	net.Listener
	once sync.Once
	pull func()
}

// Close pulls the network function out.
func (l *networkListener) Close() error {
	l.once.Do(l.pull)
	return nil
}
