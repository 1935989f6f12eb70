// The device as a virtual machine sees it, packet by packet.

package usbredir_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/internal/virtual/usbredir"
	"github.com/zarya-station/zarya/internal/virtual/usbredir/usbredirtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect connects a guest with a device that nothing is plugged in as yet.
func connect(t *testing.T) (*usbredirtest.Guest, *usbredir.Connection) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "port"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan *usbredir.Connection, 1)
	go func() {
		c, err := usbredir.Accept(near)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	g := usbredirtest.NewGuest(t, far)
	c := <-accepted
	ended := make(chan struct{})
	go func() { defer close(ended); c.Run() }()
	t.Cleanup(func() { _, _ = far.Close(), near.Close(); <-ended })
	return g, c
}

func network() *usbredir.Function {
	return usbredir.NetworkFunction("S", "Aurora", [6]byte{2, 1}, usbredir.FullSpeed)
}

func fastboot() *usbredir.Function {
	return usbredir.VendorFunction(0x18d1, 0xd00d, "S", "Android", "fastboot", 3, usbredir.HighSpeed)
}

// TestNetworkFunction sets it up as a kernel does: configuration, setting, notices.
func TestNetworkFunction(t *testing.T) {
	g, c := connect(t)
	if err := c.Plug(network()); err != nil {
		t.Fatal(err)
	}
	if _, b := g.Next(usbredirtest.InterfaceInfo); binary.LittleEndian.Uint32(b) != 2 || fmt.Sprintf("%x %x", b[36], b[37]) != "2 a" {
		t.Errorf("interfaces: % x", b[:48])
	}
	bulk := func(what string, want bool) {
		t.Helper()
		if _, b := g.Next(usbredirtest.EndpointInfo); (b[1] == 2) != want || (b[17] == 2) != want || b[18] != 3 {
			t.Errorf("%s: endpoints % x", what, b[:32])
		}
	}
	bulk("plugged in", false)
	g.Send(usbredirtest.GetConfiguration)
	if _, b := g.Next(usbredirtest.Configuration); b[1] != 0 {
		t.Errorf("it begins in configuration %d", b[1])
	}
	g.Send(usbredirtest.SetConfiguration, 1)
	bulk("configured", false)
	g.Next(usbredirtest.Configuration)
	g.Send(usbredirtest.SetAlt, 1, 1)
	bulk("set to 1", true)
	if _, b := g.Next(usbredirtest.Alt); !bytes.Equal(b, []byte{usbredirtest.StatusOK, 1, 1}) {
		t.Errorf("set alt: % x", b)
	}
	g.Send(usbredirtest.GetAlt, 1)
	if _, b := g.Next(usbredirtest.Alt); !bytes.Equal(b, []byte{usbredirtest.StatusOK, 1, 1}) {
		t.Errorf("get alt: % x", b)
	}
	g.Send(usbredirtest.StartInterrupt, usbredirtest.InterruptIn)
	if _, b := g.Next(usbredirtest.InterruptStatus); b[0] != usbredirtest.StatusOK {
		t.Errorf("interrupts: % x", b)
	}
	for n, want := range []string{"a1 00 01 00 00 00 00 00", "a1 2a 00 00 00 00 08 00 00 1b b7 00 00 1b b7 00"} {
		if _, b := g.Next(usbredirtest.Interrupt); fmt.Sprintf("% x", b[4:]) != want {
			t.Errorf("notice %d: % x", n, b)
		}
	}
	g.Send(usbredirtest.StopInterrupt, usbredirtest.InterruptIn)
	if _, b := g.Next(usbredirtest.InterruptStatus); !bytes.Equal(b, []byte{usbredirtest.StatusOK, usbredirtest.InterruptIn}) {
		t.Errorf("interrupts stopped: % x", b)
	}
}

// TestControl asks for what is no descriptor.
func TestControl(t *testing.T) {
	g, c := connect(t)
	if err := c.Plug(fastboot()); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name          string
		request, kind byte
		status        byte
		data          string
	}{
		{"GET_STATUS", 0, 0x80, usbredirtest.StatusOK, "00 00"},
		{"SET_FEATURE", 3, 0x00, usbredirtest.StatusOK, ""},
		{"of a vendor", 51, 0xc0, usbredirtest.StatusStall, ""},
	} {
		g.Send(usbredirtest.Control, 0x80, test.request, test.kind, 0, 0, 0, 0, 0, 2, 0)
		if _, b := g.Next(usbredirtest.Control); b[3] != test.status || fmt.Sprintf("% x", b[10:]) != test.data {
			t.Errorf("%s: % x", test.name, b)
		}
	}
	// It has no interrupts.
	g.Send(usbredirtest.StartInterrupt, usbredirtest.InterruptIn)
	if _, b := g.Next(usbredirtest.InterruptStatus); b[0] != usbredirtest.StatusStall {
		t.Errorf("interrupts: % x", b)
	}
}

// TestTransfers sends and takes bytes, in other pieces than they come in.
func TestTransfers(t *testing.T) {
	g, c := connect(t)
	if err := c.Plug(fastboot()); err != nil {
		t.Fatal(err)
	}
	send := func(text string) {
		g.Send(usbredirtest.Bulk, append(usbredirtest.BulkHead(usbredirtest.BulkOut, len(text)), text...)...)
	}
	send("a whole one")
	send("0123456789")
	send("abc")
	if b, err := c.ReadTransfer(); err != nil || string(b) != "a whole one" {
		t.Errorf("%q %v", b, err)
	}
	b := make([]byte, 7)
	if n, err := c.Read(b); err != nil || string(b[:n]) != "0123456" || c.Unread() != 3 {
		t.Errorf("%q %v, %d are left", b[:n], err, c.Unread())
	}
	if n, err := io.ReadFull(c, b[:6]); err != nil || string(b[:n]) != "789abc" {
		t.Errorf("%q %v", b[:n], err)
	}
	var wrote error
	done := make(chan struct{})
	go func() { defer close(done); _, wrote = c.Write([]byte("0123456789")) }()
	got := ""
	for len(got) < 10 {
		id := g.Send(usbredirtest.Bulk, usbredirtest.BulkHead(usbredirtest.BulkIn, 4)...)
		for {
			answered, body := g.Next(usbredirtest.Bulk)
			if body[0] == usbredirtest.BulkIn && answered == id { // those of what was sent come before
				got += string(body[10:])
				break
			}
		}
	}
	if <-done; wrote != nil || got != "0123456789" {
		t.Errorf("%q was received (%v)", got, wrote)
	}
	// A reset forgets what lies there; a transfer that is cancelled is not taken.
	send("lost")
	g.Send(usbredirtest.Reset)
	id := func() uint64 { send("cancelled"); return g.ID }()
	g.ID = id - 1
	g.Send(usbredirtest.Cancel)
	for {
		if answered, body := g.Next(usbredirtest.Bulk); answered == id && body[1] == usbredirtest.StatusCancelled {
			break
		}
	}
	send("taken")
	if b, err := c.ReadTransfer(); err != nil || string(b) != "taken" {
		t.Errorf("%q %v", b, err)
	}
}

// TestPull ends what waits for bytes, waits itself for the guest, and leaves the
// connection for the next device.
func TestPull(t *testing.T) {
	g, c := connect(t)
	if err := c.Plug(fastboot()); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { _, err := c.ReadTransfer(); ended <- err }()
	go func() { _, err := c.Write([]byte("x")); ended <- err }()
	pulled := make(chan error, 1)
	go func() { pulled <- c.Pull() }()
	g.Next(usbredirtest.Disconnect)
	for range 2 {
		if err := <-ended; err == nil || err.Error() != "it is not plugged in" {
			t.Errorf("a transfer ended with %v", err)
		}
	}
	select {
	case err := <-pulled:
		t.Errorf("pulled out before the guest saw it: %v", err)
	default:
	}
	g.Send(usbredirtest.DisconnectAck)
	if err := <-pulled; err != nil {
		t.Error(err)
	}
	// What the guest still asks of it is refused or ignored.
	g.Send(usbredirtest.SetConfiguration, 1)
	g.Send(usbredirtest.SetAlt, 1, 1)
	if d := g.Descriptor(1, 0); d != nil {
		t.Errorf("it is out, and is % x", d)
	}
	if err := c.Plug(network()); err != nil {
		t.Error(err)
	}
	g.Next(usbredirtest.Connect)
	if d := g.Descriptor(1, 0); len(d) != 18 || d[4] != 2 {
		t.Errorf("plugged in again it is % x", d)
	}
}

// TestBrokenPackets ends the connection, whatever is cut short.
func TestBrokenPackets(t *testing.T) {
	for name, kind := range map[string]uint32{
		"configuration": usbredirtest.SetConfiguration, "set alt": usbredirtest.SetAlt, "get alt": usbredirtest.GetAlt,
		"start interrupt": usbredirtest.StartInterrupt, "stop interrupt": usbredirtest.StopInterrupt, "control": usbredirtest.Control,
		"bulk": usbredirtest.Bulk} {
		t.Run(name, func(t *testing.T) {
			g, c := connect(t)
			if err := c.Plug(fastboot()); err != nil {
				t.Fatal(err)
			}
			g.Send(kind)
			if _, err := c.ReadTransfer(); err == nil || err.Error() != "the virtual machine is gone" {
				t.Errorf("after it: %v", err)
			}
			if err := c.Plug(fastboot()); err == nil {
				t.Error("it was plugged in where no one is")
			}
			if err := c.Pull(); err == nil {
				t.Error("it was pulled out where no one is")
			}
		})
	}
}

// TestAcceptRefuses turns away what is no virtual machine.
func TestAcceptRefuses(t *testing.T) {
	for name, sent := range map[string]struct{ bytes, err string }{
		"nothing":         {"", "EOF"},
		"another packet":  {"\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "does not speak usbredir (packet 1)"},
		"a short hello":   {"\x00\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00abcd", "does not speak usbredir (packet 0)"},
		"a large packet":  {"\x00\x00\x00\x00\x00\x00\x00\x7f\x00\x00\x00\x00", "a usbredir packet of 2130706432 bytes"},
		"a hello cut off": {"\x00\x00\x00\x00\x44\x00\x00\x00\x00\x00\x00\x00abcd", "unexpected EOF"},
	} {
		near, far := net.Pipe()
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			hello := make([]byte, 12+68)
			_, _ = io.ReadFull(far, hello)
			_, _ = io.WriteString(far, sent.bytes)
			_ = far.Close()
		}()
		if _, err := usbredir.Accept(near); err == nil || !strings.Contains(err.Error(), sent.err) {
			t.Errorf("%s: %v", name, err)
		}
		<-drained
		_ = near.Close()
	}
}
