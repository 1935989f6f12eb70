// This file is targets on USB: a hub port, and whatever tablet is in it, reached through
// libusb, an adb server or a network interface.

package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/adb"
	"github.com/zarya-station/zarya/internal/openfiles"
	"github.com/zarya-station/zarya/usb"
	"github.com/zarya-station/zarya/usb/libusb"
	"github.com/zarya-station/zarya/usb/usbnet"
)

// USB is a hub port as a target, whatever tablet is in it. [Bench.At] makes one.
type USB struct {
	bench *Bench
	port  usb.Port
	name  string // the station's; "" for none
}

func (t USB) String() string { return "usb:" + t.port.Short() }

// Where names the tablet by its port.
func (t USB) Where() flash.Where { return flash.Where{Port: t.port.Short(), PortName: t.name} }

// Port returns the hub port.
func (t USB) Port() usb.Port { return t.port }

// Device returns what is in the port now.
func (t USB) Device() (usb.Device, error) {
	bus, err := t.bench.view.read()
	if err != nil {
		return usb.Device{}, err
	}
	for _, d := range bus.Devices {
		if d.Port == t.port && d.Mode != "" {
			return d, nil
		}
	}
	return usb.Device{}, &flash.Failure{Class: flash.ClassCable, Message: "there is no tablet in port " + t.port.Short(), Hint: checkCable}
}

// Changed returns a channel that is closed when something comes, goes or changes in the
// port. Who takes it before looking at the port misses nothing: what is seen was so when
// it was looked at, and the channel is closed by what comes after.
func (t USB) Changed() <-chan struct{} { return t.bench.view.changed(t.port) }

// Fastboot claims the interface of the tablet that is in the port.
func (t USB) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	d, err := t.Device()
	if err != nil {
		return nil, err
	}
	if d.Mode == usb.ADB {
		return nil, &flash.Failure{Class: flash.ClassOperator, Err: flash.ErrAndroid, Hint: Usability(d),
			Message: fmt.Sprintf("the tablet in port %s runs Android", t.port.Short())}
	}
	if !d.Mode.Flashing() {
		return nil, &flash.Failure{Class: flash.ClassCable,
			Message: fmt.Sprintf("the tablet in port %s is in mode %s, not in fastboot", t.port.Short(), d.Mode),
			Hint:    cmp.Or(Usability(d), "zarya run sends it to its bootloader; by hand: "+Keys(d))}
	}
	c, err := t.bench.wires.Open(ctx, d.Bus, d.Address)
	if err != nil {
		if e := (*libusb.Error)(nil); errors.As(err, &e) && e.Kind == libusb.Gone {
			t.bench.view.outdate()
		}
		return nil, usbFailure(err)
	}
	return usbWire{c, d.Serial}, nil
}

// Android reaches the tablet that is in the port through the adb server.
func (t USB) Android(ctx context.Context) (flash.Running, error) {
	here, err := t.Device()
	if err != nil {
		return flash.Running{}, err
	}
	server := t.bench.adb
	d, err := server.At(ctx, here.Kernel)
	var f adb.Facts
	if err == nil {
		f, err = server.Facts(ctx, d)
	}
	if err != nil {
		err = &flash.Failure{Class: flash.ClassOperator, Err: err, Message: err.Error(), Hint: Keys(here)}
	}
	return flash.Running{Serial: f.Serial, Model: f.Model, Build: f.Build, Battery: f.Battery,
		Bootloader: func(ctx context.Context) error { return server.Bootloader(ctx, d) }}, err
}

const sshPort = 22

// Dial reaches the booted tablet through the network interface of its port.
func (t USB) Dial(ctx context.Context, port int) (net.Conn, error) {
	d, err := t.Device()
	if err != nil {
		return nil, err
	}
	if d.Net() == "" {
		return nil, &flash.Failure{Class: flash.ClassCable,
			Message: fmt.Sprintf("the tablet in port %s is in mode %s, without a network interface", t.port.Short(), d.Mode),
			Hint:    "boot it, with developer mode and the USB network on"}
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
		return nil, &flash.Failure{Class: flash.ClassCable, Err: err, Message: err.Error(),
			Hint: "check that the tablet has booted, with developer mode on"}
	}
	return conn, err
}

// usbWire is a tablet on USB and what its descriptors say of it.
type usbWire struct {
	*libusb.Conn
	serial string
}

// SerialNumber is the device descriptor's serial, "" for none.
func (w usbWire) SerialNumber() string { return w.serial }

const checkCable = "check the cable and the port, then try again"

const endOther = "end the other program (fastboot, adb, a virtual machine), then try again"

const udevRule = `install packaging/70-zarya.rules into /etc/udev/rules.d, then plug the tablet in again`

// usbFailure says what to do about a device that cannot be opened.
func usbFailure(err error) error {
	var e *libusb.Error
	if !errors.As(err, &e) {
		return err
	}
	f := &flash.Failure{Class: flash.ClassStation, Message: err.Error(), Err: err}
	if out := openfiles.Probe(); out != nil { // libusb calls that an error of input or output
		f.Message, f.Err, f.Hint = err.Error()+" ("+out.Error()+")", errors.Join(err, out), flash.HintOutOfFiles
		return f
	}
	switch e.Kind {
	case libusb.Permission:
		f.Hint = udevRule
	case libusb.Busy:
		f.Message += holders("/", e.Node)
		f.Hint = endOther
	case libusb.Unavailable:
		f.Hint = "use a zarya that was built with cgo, on a machine with USB"
	case libusb.NotFastboot:
		f.Class, f.Hint = flash.ClassDevice, "bring the tablet into fastboot mode"
	case libusb.Wedged:
		f.Class, f.Hint = flash.ClassTimeout, "hold the power button until the tablet restarts, check the cable, try again"
	default:
		f.Class, f.Hint = flash.ClassCable, checkCable
	}
	return f
}
