// This file is targets on USB: a tablet is named by its port or its serial, and
// reached through libusb.

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
	"github.com/zarya-station/zarya/usb/usbnet"
)

// target is what -s names.
type target interface {
	flash.Target
	fmt.Stringer
}

// socket is a target in a hub port, whatever tablet is in it.
type socket struct {
	port usb.Port
	name string // the station's; "" for none
}

func (s socket) String() string { return "usb:" + s.port.Short() }

// Where names the tablet by its port.
func (s socket) Where() flash.Where { return flash.Where{Port: s.port.Short(), PortName: s.name} }

// wireWidth is how many downloads fill a USB 2 uplink: one tablet takes most of it, and
// two leave no gaps.
const wireWidth = 2

// shareWires lets tablets behind one uplink be served a few at a time.
func shareWires(jobs []flash.Job) {
	wires := map[usb.Port]*flash.Wire{}
	for i := range jobs {
		s, ok := jobs[i].Target.(interface{ uplink() usb.Port })
		if !ok {
			continue
		}
		link := s.uplink()
		if wires[link] == nil {
			wires[link] = flash.NewWire(wireWidth)
		}
		jobs[i].Wire = wires[link]
	}
}

func (s socket) uplink() usb.Port { return s.port.Uplink() }

// scanUSB reads what is plugged in.
func scanUSB() (*usb.Bus, error) {
	bus, err := usb.Scan(usb.Sysfs)
	if err != nil {
		return nil, problem.New(problem.Station, "look at /sys/bus/usb", "%w", err)
	}
	return bus, nil
}

// device finds what is in the port now.
func (s socket) device() (usb.Device, error) {
	bus, err := usb.Scan(usb.Sysfs)
	if err != nil {
		return usb.Device{}, err
	}
	for _, d := range bus.Devices {
		if d.Port == s.port && d.Mode != "" {
			return d, nil
		}
	}
	return usb.Device{}, &flash.Failure{Class: flash.ClassCable, Message: "there is no tablet in port " + s.port.Short(),
		Hint: "check the cable and the socket, then try again"}
}

// Fastboot claims the interface of the tablet that is in the port.
func (s socket) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	d, err := s.device()
	if err != nil {
		return nil, err
	}
	if d.Mode == usb.ADB {
		return nil, &flash.Failure{Class: flash.ClassOperator, Err: flash.ErrAndroid, Message: fmt.Sprintf("the tablet in port %s runs Android", s.port.Short()), Hint: usability(d)}
	}
	if !d.Mode.Flashing() {
		return nil, &flash.Failure{Class: flash.ClassCable, Message: fmt.Sprintf("the tablet in port %s is in mode %s, not in fastboot", s.port.Short(), d.Mode),
			Hint: cmp.Or(usability(d), "zarya run sends it to its bootloader; by hand: "+keys(d))}
	}
	c, err := libusb.Open(ctx, d.Bus, d.Address)
	if err != nil {
		return nil, usbFailure(err)
	}
	return usbWire{c, d.Serial}, nil
}

// Android reaches the tablet that is in the port through the adb server.
func (s socket) Android(ctx context.Context) (flash.Running, error) {
	here, err := s.device()
	if err != nil {
		return flash.Running{}, err
	}
	server := adb.Default()
	d, err := server.At(ctx, here.Kernel)
	var f adb.Facts
	if err == nil {
		f, err = server.Facts(ctx, d)
	}
	if err != nil {
		err = &flash.Failure{Class: flash.ClassOperator, Err: err, Message: err.Error(), Hint: keys(here)}
	}
	return flash.Running{Serial: f.Serial, Model: f.Model, Build: f.Build, Battery: f.Battery,
		Bootloader: func(ctx context.Context) error { return server.Bootloader(ctx, d) }}, err
}

const sshPort = 22

// Dial reaches the booted tablet through the network interface of its port.
func (s socket) Dial(ctx context.Context, port int) (net.Conn, error) {
	d, err := s.device()
	if err != nil {
		return nil, err
	}
	if d.Net() == "" {
		return nil, &flash.Failure{Class: flash.ClassCable, Message: fmt.Sprintf("the tablet in port %s is in mode %s, without a network interface", s.port.Short(), d.Mode),
			Hint: "boot it, with developer mode and the USB network on"}
	}
	if port == 0 {
		port = sshPort
	}
	conn, err := usbnet.Dial(ctx, d.Net(), port)
	var down *usbnet.DownError
	if errors.As(err, &down) {
		return nil, &flash.Failure{Class: flash.ClassCable, Err: err, Message: err.Error(), // it may come up in a moment
			Hint: "install the files of packaging/ that bring tablets' interfaces up, or: ip link set " + down.Interface + " up"}
	}
	if err != nil && ctx.Err() == nil {
		return nil, &flash.Failure{Class: flash.ClassCable, Err: err, Message: err.Error(), Hint: "check that the tablet has booted, with developer mode on"}
	}
	return conn, err
}

// usbWire gives libusb's errors the meanings that the engine knows.
type usbWire struct {
	*libusb.Conn
	serial string
}

// SerialNumber is the device descriptor's serial, "" for none.
func (w usbWire) SerialNumber() string { return w.serial }

// ReadPacket marks what is too long.
func (w usbWire) ReadPacket(ctx context.Context, p []byte) (int, error) {
	n, err := w.Conn.ReadPacket(ctx, p)
	if errors.Is(err, libusb.ErrOversize) {
		err = fmt.Errorf("%w: %w", fastboot.ErrOversize, err)
	}
	return n, err
}

const endOther = "end the other program (fastboot, adb, a virtual machine), then try again"

const udevRule = `install packaging/70-zarya.rules into /etc/udev/rules.d, then plug the tablet in again`

// usbFailure says what to do about a device that cannot be opened.
func usbFailure(err error) error {
	var e *libusb.Error
	if !errors.As(err, &e) {
		return err
	}
	f := &flash.Failure{Class: flash.ClassStation, Message: err.Error(), Err: err}
	switch e.Kind {
	case libusb.Permission:
		f.Hint = udevRule
	case libusb.Busy:
		f.Message += holders(e.Node)
		f.Hint = endOther
	case libusb.Unavailable:
		f.Hint = "use a zarya that was built with cgo, on a machine with USB"
	case libusb.NotFastboot:
		f.Class, f.Hint = flash.ClassDevice, "bring the tablet into fastboot mode"
	case libusb.Wedged:
		f.Class, f.Hint = flash.ClassTimeout, "hold the power button until the tablet restarts, check the cable, try again"
	default:
		f.Class, f.Hint = flash.ClassCable, "check the cable and the socket, then try again"
	}
	return f
}

// usbTargets resolves a name of something on USB. Globs may match several.
func usbTargets(bus *usb.Bus, names usb.Names, name string) ([]target, error) {
	tablets := bus.Tablets()
	kind, rest, found := strings.Cut(name, ":")
	var list []target
	if !found || kind != "usb" && kind != "port" {
		if kind == "serial" && found {
			name = rest
		}
		for _, d := range tablets {
			if d.Serial == name {
				list = append(list, socket{d.Port, names[d.Port.Path()]})
			}
		}
		switch len(list) {
		case 0:
			return nil, problem.New(problem.NoDevice, "zarya devices shows what is plugged in", "no tablet on USB has the serial %q", name)
		case 1:
			return list, nil
		}
		return nil, problem.New(problem.Usage, "name the one that is meant by its port", "%s have the serial %q: %s", plural(len(list)), name, joinTargets(list))
	}
	if path := names.Find(rest); path != "" && kind == "port" {
		rest = path
	}
	for _, d := range tablets {
		if d.Port.Matches(rest) {
			list = append(list, socket{d.Port, names[d.Port.Path()]})
		}
	}
	if len(list) > 0 {
		return list, nil
	}
	// An empty port can be waited for.
	if p, ok := bus.Port(rest); ok {
		return []target{socket{p, names[p.Path()]}}, nil
	}
	return nil, problem.New(problem.NoDevice, "zarya devices shows what is plugged in", "no tablet is in the port %q", rest)
}

func joinTargets(list []target) string {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}
