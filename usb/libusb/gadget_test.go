//go:build cgo && linux

// The conformance suite over the kernel's own USB: the device end is a gadget of this
// kernel (FunctionFS) on a controller made of software (dummy_hcd), the host end is libusb.
// The rig runs it in its guest, as root.

package libusb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/fastboot/fastboottest"
)

const (
	gadgetDir    = "/sys/kernel/config/usb_gadget/suite"
	gadgetFS     = "/tmp/suite-ffs"
	gadgetSerial = "SUITE"
	gadgetPacket = 512 // of high speed
)

// TestSuiteOnBus runs over the controller that ZARYA_TEST_UDC names, as dummy_udc.0.
func TestSuiteOnBus(t *testing.T) {
	udc := os.Getenv("ZARYA_TEST_UDC")
	if udc == "" {
		t.Skip("ZARYA_TEST_UDC names no controller: scripts/rig.sh has one")
	}
	makeGadget(t)
	var h Host
	fastboottest.Run(t, func(t *testing.T) (fastboot.Transport, fastboottest.Device) {
		g := plugGadget(t, udc)
		bus, address := whereGadget(t)
		c, err := h.Open(t.Context(), bus, address)
		if err != nil {
			t.Fatal(err)
		}
		return c, g
	})
	if n := h.open.Load(); n != 0 {
		t.Errorf("%d are open", n)
	}
}

// must ends the test.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes a file of configfs.
func put(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(gadgetDir, name), []byte(text), 0o600))
}

// makeGadget describes a device with a fastboot interface, of which this test is the
// program. It stays until the guest ends.
func makeGadget(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"strings/0x409", "configs/c.1", "functions/ffs.suite"} {
		must(t, os.MkdirAll(filepath.Join(gadgetDir, dir), 0o700))
	}
	put(t, "idVendor", "0x18d1")
	put(t, "idProduct", "0x4ee0")
	put(t, "strings/0x409/serialnumber", gadgetSerial)
	must(t, os.Symlink(filepath.Join(gadgetDir, "functions/ffs.suite"), filepath.Join(gadgetDir, "configs/c.1/ffs.suite")))
	must(t, os.MkdirAll(gadgetFS, 0o700))
	must(t, syscall.Mount("suite", gadgetFS, "functionfs", 0, ""))
	control, err := os.OpenFile(filepath.Join(gadgetFS, "ep0"), os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { _ = control.Close() }) // the function is there as long as this is open
	// linux/usb/functionfs.h: a header, how many descriptors for each speed, and they.
	body := binary.LittleEndian.AppendUint32(nil, 3)
	body = binary.LittleEndian.AppendUint32(body, 3)
	for _, packet := range []uint16{64, gadgetPacket} {
		body = append(body, 9, 4, 0, 0, 2, 0xff, 0x42, 0x03, 0) // the interface
		for _, endpoint := range []byte{0x01, 0x82} {
			body = append(body, 7, 5, endpoint, 2)
			body = append(binary.LittleEndian.AppendUint16(body, packet), 0)
		}
	}
	const descriptors, fullSpeed, highSpeed, strings = 3, 1, 2, 2
	head := binary.LittleEndian.AppendUint32(nil, descriptors)
	head = binary.LittleEndian.AppendUint32(head, uint32(12+len(body)))
	head = binary.LittleEndian.AppendUint32(head, fullSpeed|highSpeed)
	_, err = control.Write(append(head, body...))
	must(t, err)
	none := binary.LittleEndian.AppendUint32(nil, strings)
	none = binary.LittleEndian.AppendUint32(none, 16)
	_, err = control.Write(append(none, make([]byte, 8)...))
	must(t, err)
}

// gadget is the device's end: its two endpoints. A file of an endpoint cannot be waited for,
// and one that is pulled out fails what waits.
type gadget struct {
	out, in int // file descriptors
	left    []byte
	gone    atomic.Bool
}

var errUnplugged = errors.New("the gadget is unplugged")

// plugGadget puts the device into the controller's port.
func plugGadget(t *testing.T, udc string) *gadget {
	t.Helper()
	put(t, "UDC", udc)
	out, err := syscall.Open(filepath.Join(gadgetFS, "ep1"), syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	must(t, err)
	in, err := syscall.Open(filepath.Join(gadgetFS, "ep2"), syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	must(t, err)
	return &gadget{out: out, in: in}
}

// whereGadget waits until the host has seen the device.
func whereGadget(t *testing.T) (bus, address int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for start := time.Now(); time.Since(start) < 10*time.Minute; <-tick.C {
		serials, err := filepath.Glob("/sys/bus/usb/devices/*/serial")
		must(t, err)
		for _, name := range serials {
			if text, err := os.ReadFile(name); err != nil || strings.TrimSpace(string(text)) != gadgetSerial {
				continue
			}
			bus, berr := readNumber(filepath.Dir(name), "busnum")
			address, aerr := readNumber(filepath.Dir(name), "devnum")
			configured, cerr := readNumber(filepath.Dir(name), "bConfigurationValue")
			if errors.Join(berr, aerr, cerr) == nil && configured != 0 {
				return bus, address
			}
		}
	}
	t.Fatal("the host does not see the gadget")
	return 0, 0
}

func readNumber(dir, name string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// again does one transfer, whatever signals this process gets.
func (g *gadget) again(transfer func() (int, error)) (int, error) {
	for {
		n, err := transfer()
		switch {
		case g.gone.Load():
			return 0, errUnplugged
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN): // not configured yet
			time.Sleep(time.Millisecond) //nolint:forbidigo // an endpoint cannot be waited for
		default:
			return n, err
		}
	}
}

// read takes one transfer of at most n bytes, which is a multiple of the packet's size.
func (g *gadget) read(n int) ([]byte, error) {
	p := make([]byte, n)
	n, err := g.again(func() (int, error) { return syscall.Read(g.out, p) })
	return p[:max(0, n)], err
}

func (g *gadget) ReadCommand() (string, error) {
	if len(g.left) > 0 {
		return "", fmt.Errorf("%d bytes of data before a command", len(g.left))
	}
	p, err := g.read(8 * gadgetPacket)
	return string(p), err
}

func (g *gadget) ReadData(n int) ([]byte, error) {
	for len(g.left) < n {
		want := (n - len(g.left) + gadgetPacket - 1) / gadgetPacket * gadgetPacket
		p, err := g.read(min(want, 64<<10))
		if err != nil {
			return nil, err
		}
		g.left = append(g.left, p...)
	}
	p := g.left[:n]
	g.left = g.left[n:]
	return p, nil
}

func (g *gadget) Reply(packet string) error { return g.WriteData([]byte(packet)) }

func (g *gadget) WriteData(p []byte) error {
	for {
		n, err := g.again(func() (int, error) { return syscall.Write(g.in, p[:min(len(p), 64<<10)]) })
		if err != nil {
			return err
		}
		if p = p[n:]; len(p) == 0 {
			return nil
		}
	}
}

// Close pulls the device out.
func (g *gadget) Close() error {
	if g.gone.Swap(true) {
		return nil
	}
	err := os.WriteFile(filepath.Join(gadgetDir, "UDC"), []byte("\n"), 0o600)
	return errors.Join(err, syscall.Close(g.out), syscall.Close(g.in))
}
