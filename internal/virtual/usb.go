// This file is a tablet in the ports of a virtual machine: which mode it shows, and
// where.

package virtual

import (
	"context"
	"errors"
	"net"
	"sync"
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
		stop := context.AfterFunc(ctx, func() { _ = l.Close() })
		next, err := t.inPort(ctx, l, full)
		stop()
		_ = l.Close() // so that the port is empty
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		t.config.Log("comes back in port %d", next)
		port = next
	}
}

// inPort answers the virtual machine at one port until the tablet is put into another,
// which it returns.
func (t *Tablet) inPort(ctx context.Context, l net.Listener, full bool) (int, error) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return 0, err
		}
		err = t.connected(ctx, conn, full)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		var gone *leave
		if errors.As(err, &gone) {
			return gone.port, nil
		}
		t.config.Log("usbredir: %v", err)
		var broken *storageError
		if errors.As(err, &broken) {
			return 0, err
		}
	}
}

// connected is one connection of a virtual machine; a *leave is a tablet that goes to
// another port.
func (t *Tablet) connected(ctx context.Context, conn net.Conn, full bool) error {
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
	speed := uint8(redirHigh)
	if full {
		speed = redirFull
	}
	gone := t.afterPull()
	for {
		if gone == nil {
			serve := func() error { return t.session(ctx, r) }
			if t.State().Mode == "adb" {
				serve = func() error { return t.android(adbUSB{r}) }
			}
			if err := r.plug(t.face(speed)); err != nil {
				return err
			}
			if err := serve(); !errors.As(err, &gone) {
				return err
			}
			if err := r.pull(); err != nil {
				return err
			}
		}
		// Frames at high speed, from many at once, are more than QEMU's xHCI takes.
		if err := t.away(ctx, gone, onUSB{r, t, redirFull}, ""); err != nil {
			return err
		}
		if gone.port != 0 {
			return gone
		}
		gone = nil
	}
}

// afterPull is what goes on with a tablet that was booted when its port was taken away.
func (t *Tablet) afterPull() *leave {
	switch t.State().Mode {
	case "system", "booting", "dead":
		return &leave{mode: "system", back: true}
	}
	return nil
}

// face is what the tablet shows itself as in fastboot and in Android.
func (t *Tablet) face(speed uint8) *usbFunction {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.state.Mode {
	case "adb":
		return vendorFunction(0x12d1, 0x107e, t.serial, t.config.Family.Product, "ADB Interface", 0x01, speed)
	case "fastbootd":
		return vendorFunction(0x18d1, 0x4ee0, t.serial, "Android", "fastbootd", 0x03, speed)
	}
	return vendorFunction(0x18d1, 0xd00d, t.serial, "Android", "fastboot", 0x03, speed)
}
