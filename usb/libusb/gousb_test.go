//go:build cgo

// What of gousb can be tested without a bus; the rest is proved in the rig, on one.

package libusb

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/gousb"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// TestExplain knows libusb's errors also where gousb only quotes them.
func TestExplain(t *testing.T) {
	c := &claimed{node: node(1, 2)}
	for err, want := range map[error]Kind{
		gousb.ErrorAccess: Permission,
		errors.New("failed to claim interface 0 on x: " + gousb.ErrorBusy.Error()): Busy,
		errors.New("failed to claim config 1: " + gousb.ErrorNotFound.Error()):     Gone,
		fmt.Errorf("x: %w", gousb.TransferNoDevice):                                Gone,
		gousb.TransferStall:                     Gone,
		gousb.ErrorPipe:                         Gone,
		errors.New("no idea"):                   Unavailable,
		errors.New("no device"):                 Unavailable, // words are no code
		errors.New("busy [code -6] or not"):     Unavailable,
		errors.New("[code -99999999999999999]"): Unavailable,
		&Error{Kind: NotFastboot}:               NotFastboot,
	} {
		var e *Error
		if !errors.As(c.explain(err), &e) || e.Kind != want {
			t.Errorf("%v is of kind %d, not %d", err, e.Kind, want)
		}
	}
	if !errors.Is(c.explain(errors.New("submit: "+gousb.ErrorNoMem.Error())), errNoMemory) || c.explain(nil) != nil {
		t.Error("ENOMEM is not known")
	}
	for _, err := range []error{gousb.TransferOverflow, gousb.ErrorOverflow} {
		if !errors.Is(c.explain(err), fastboot.ErrOversize) {
			t.Errorf("%v is not the device's fault", err)
		}
	}
}

// TestFastbootInterface finds the interface in the active configuration, by its class.
func TestFastbootInterface(t *testing.T) {
	endpoint := func(number int, direction gousb.EndpointDirection, kind gousb.TransferType, packet int) gousb.EndpointDesc {
		address := gousb.EndpointAddress(number)
		if direction == gousb.EndpointDirectionIn {
			address |= 0x80
		}
		return gousb.EndpointDesc{Address: address, Number: number, Direction: direction, TransferType: kind, MaxPacketSize: packet}
	}
	const in, out, bulk = gousb.EndpointDirectionIn, gousb.EndpointDirectionOut, gousb.TransferTypeBulk
	setting := func(number int, class gousb.Class, sub gousb.Class, protocol gousb.Protocol,
		endpoints ...gousb.EndpointDesc) gousb.InterfaceDesc {
		s := gousb.InterfaceSetting{Number: number, Class: class, SubClass: sub, Protocol: protocol,
			Endpoints: map[gousb.EndpointAddress]gousb.EndpointDesc{}}
		for _, e := range endpoints {
			s.Endpoints[e.Address] = e
		}
		return gousb.InterfaceDesc{Number: number, AltSettings: []gousb.InterfaceSetting{s}}
	}
	device := func(interfaces ...gousb.InterfaceDesc) *gousb.DeviceDesc {
		return &gousb.DeviceDesc{Configs: map[int]gousb.ConfigDesc{1: {Number: 1, Interfaces: interfaces}}}
	}
	both := []gousb.EndpointDesc{endpoint(1, in, bulk, 512), endpoint(2, out, bulk, 512)}
	for _, c := range []struct {
		name    string
		d       *gousb.DeviceDesc
		active  int
		in, out int
	}{
		{"fastboot alone", device(setting(0, 0xff, 0x42, 3, both...)), 1, 1, 2},
		{"behind others", device(setting(0, 6, 1, 1, both...), setting(1, 0xff, 0x42, 3, endpoint(5, in, bulk, 64), endpoint(4, out, bulk, 64))),
			1, 5, 4},
		{"the first pair of two", device(setting(0, 0xff, 0x42, 3, append(both, endpoint(3, in, bulk, 512), endpoint(4, out, bulk, 512))...)),
			1, 1, 2},
		{"with an interrupt endpoint", device(setting(0, 0xff, 0x42, 3, append(both, endpoint(3, in, gousb.TransferTypeInterrupt, 8))...)),
			1, 1, 2},
		{"ADB", device(setting(0, 0xff, 0x42, 1, both...)), 1, 0, 0},
		{"another configuration", device(setting(0, 0xff, 0x42, 3, both...)), 2, 0, 0},
		{"no way out", device(setting(0, 0xff, 0x42, 3, both[:1]...)), 1, 0, 0},
		{"no packets", device(setting(0, 0xff, 0x42, 3, endpoint(1, in, bulk, 0), both[1])), 1, 0, 0},
		{"nothing", &gousb.DeviceDesc{}, 0, 0, 0},
	} {
		_, in, out, ok := fastbootInterface(c.d, c.active)
		if in != c.in || out != c.out || ok != (c.in != 0) {
			t.Errorf("%s: endpoints %d and %d, %v", c.name, in, out, ok)
		}
	}
}
