// This file is the tablet: what runs on it from power-up to unplugging, on a network.

package virtual

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/virtual/adbd"
	"github.com/zarya-station/zarya/internal/virtual/bootloader"
	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/storage"
	"github.com/zarya-station/zarya/internal/virtual/system"
)

// Tablet is one device. One of the Serve methods runs it; State, Partition and ReadFile
// look at it from other goroutines.
type Tablet struct {
	device     *device.Device
	bootloader *bootloader.Bootloader
	system     *system.System
}

// New makes a tablet that is in fastboot and not served yet.
func New(c Config) (*Tablet, error) {
	d, err := device.New(c)
	if err != nil {
		return nil, err
	}
	s, err := system.New(d)
	if err != nil {
		return nil, err
	}
	return &Tablet{device: d, bootloader: bootloader.New(d, s.Forget), system: s}, nil
}

// State takes a snapshot.
func (t *Tablet) State() State { return t.device.State() }

// Partition opens a partition for reading and returns its size in bytes. Without a slot,
// the active one is meant.
func (t *Tablet) Partition(name string) (io.ReaderAt, int64, error) { return t.device.Partition(name) }

// ReadFile reads a file of the booted system, as root.
func (t *Tablet) ReadFile(name string) ([]byte, error) { return t.system.ReadFile(name) }

// ReadLink reads a symbolic link of the booted system, as root.
func (t *Tablet) ReadLink(name string) (string, error) { return t.system.ReadLink(name) }

// Network is where a tablet listens. *memnet.Net is one, *heldaddr.Held another.
type Network interface {
	Listen(address string) (net.Listener, error)
}

// Serve listens on n at address and answers one host at a time, until ctx ends.
// While the tablet is away nothing listens. An error means that it could not
// listen, or that its storage failed.
func (t *Tablet) Serve(ctx context.Context, n Network, address string) error {
	listen := func() (net.Listener, error) { return n.Listen(address) }
	return t.run(ctx, listen, func() error {
		l, err := listen()
		if err != nil {
			return err
		}
		defer closeWith(ctx, l)()
		return t.serveHosts(ctx, l)
	})
}

// ServeUDP is Serve over UDP at a held address.
func (t *Tablet) ServeUDP(ctx context.Context, at *heldaddr.Held) error {
	listen := func() (net.Listener, error) { return at.Listen(at.Addr()) }
	return t.run(ctx, listen, func() error {
		conn, err := at.ListenPacket()
		if err != nil {
			return err
		}
		defer closeWith(ctx, conn)()
		return t.bootloader.ServePackets(ctx, conn)
	})
}

// ServeADB is a tablet in Android that is debugged over TCP: it answers adb servers on
// l until one of them sends it to the bootloader, or ctx ends.
func (t *Tablet) ServeADB(ctx context.Context, l net.Listener) error {
	defer closeWith(ctx, l)()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		closeConn := closeWith(ctx, conn)
		err = adbd.Serve(t.device, conn)
		closeConn()
		var gone *device.Departure
		if errors.As(err, &gone) {
			return nil
		}
	}
}

// closeWith closes c when ctx ends, or when the function that it returns is called.
func closeWith(ctx context.Context, c io.Closer) (closeNow func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	return func() {
		stop()
		_ = c.Close()
	}
}

// run is a tablet's life on a network until ctx ends: fastboot until the tablet leaves,
// which is fastboot's error, then the time away, and fastboot again. The booted system
// listens with listen.
func (t *Tablet) run(ctx context.Context, listen func() (net.Listener, error), fastboot func() error) error {
	defer t.close()
	for {
		err := fastboot()
		var gone *device.Departure
		if errors.As(err, &gone) {
			err = t.stayAway(ctx, gone, listen)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// serveHosts answers one host after the other until the tablet leaves or its storage fails.
func (t *Tablet) serveHosts(ctx context.Context, l net.Listener) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		// Who loses the connection finds nobody listening either, or would be answered at once.
		stop := context.AfterFunc(ctx, func() { _ = l.Close(); _ = conn.Close() })
		link, err := bootloader.Greet(conn)
		if err == nil {
			err = t.bootloader.Serve(ctx, link)
		}
		stop()
		_ = conn.Close()
		var gone *device.Departure
		var broken *storage.Error
		if errors.As(err, &gone) || errors.As(err, &broken) {
			return err
		}
	}
}

// stayAway is the time between two sessions of fastboot: off, restarting, or booted with
// SSH where listen listens. A tablet that never comes back is away until ctx ends.
func (t *Tablet) stayAway(ctx context.Context, gone *device.Departure, listen func() (net.Listener, error)) error {
	for {
		t.device.Log("leaves for %s", gone.Mode)
		t.device.Leave(gone)
		if !gone.Back || gone.Mode == device.ModeOff {
			<-ctx.Done()
			return ctx.Err()
		}
		if err := device.Pause(ctx, gone.After); err != nil {
			return err
		}
		if gone.Mode != device.ModeSystem {
			t.device.Update(func(s *State) { // an unplugged tablet is in fastboot again
				if s.Mode == device.ModeUnplugged {
					s.Mode = device.ModeFastboot
				}
			})
			return nil
		}
		next, err := t.system.Run(ctx, listen)
		if err != nil {
			return err
		}
		gone = next
	}
}

// close closes the files of a tablet that is not served any more.
func (t *Tablet) close() {
	t.bootloader.Close()
	t.device.Close()
}
