// The usbredir side as a virtual machine sees it, packet by packet; the rig has a real
// one.

package virtual

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guest is what QEMU is to the tablet.
type guest struct {
	t    *testing.T
	conn net.Conn
	id   uint64
}

func newGuest(t *testing.T, conn net.Conn) *guest {
	t.Helper()
	g := &guest{t: t, conn: conn}
	hello := make([]byte, 68)
	binary.LittleEndian.PutUint32(hello[64:], redirCaps)
	head := binary.LittleEndian.AppendUint32(nil, redirHello)
	head = binary.LittleEndian.AppendUint32(head, 68)
	head = binary.LittleEndian.AppendUint32(head, 0)
	g.write(append(head, hello...))
	g.read(12 + 68)
	return g
}

func (g *guest) write(b []byte) {
	g.t.Helper()
	if _, err := g.conn.Write(b); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guest) read(n int) []byte {
	g.t.Helper()
	b := make([]byte, n)
	_ = g.conn.SetReadDeadline(time.Now().Add(time.Minute)) // only against a hang
	if _, err := io.ReadFull(g.conn, b); err != nil {
		g.t.Fatal(err)
	}
	return b
}

func (g *guest) send(kind uint32, body ...byte) uint64 {
	g.t.Helper()
	g.id++
	head := binary.LittleEndian.AppendUint32(nil, kind)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	head = binary.LittleEndian.AppendUint64(head, g.id)
	g.write(append(head, body...))
	return g.id
}

// next waits for a packet of a kind, and skips others.
func (g *guest) next(kind uint32) (uint64, []byte) {
	g.t.Helper()
	for {
		head := g.read(16)
		body := g.read(int(binary.LittleEndian.Uint32(head[4:])))
		if binary.LittleEndian.Uint32(head) == kind {
			return binary.LittleEndian.Uint64(head[8:]), body
		}
	}
}

// control asks for a descriptor; nil is a stall.
func (g *guest) control(kind, index byte) []byte {
	g.t.Helper()
	g.send(redirControl, 0x80, 6, 0x80, 77, index, kind, 0, 0, 255, 0) // 77: what QEMU leaves in status
	_, body := g.next(redirControl)
	if body[3] != redirOK {
		return nil
	}
	return body[10:]
}

func bulkHead(endpoint byte, n int) []byte {
	return []byte{endpoint, 0, byte(n), byte(n >> 8), 0, 0, 0, 0, byte(n >> 16), 0}
}

// ask sends a command and gives the response.
func (g *guest) ask(cmd string) string {
	g.t.Helper()
	g.send(redirBulk, append(bulkHead(bulkOut, len(cmd)), cmd...)...)
	if _, body := g.next(redirBulk); body[0] != bulkOut || body[1] != redirOK || len(body) != 10 {
		g.t.Fatalf("%s was answered with % x", cmd, body)
	}
	id := g.send(redirBulk, bulkHead(bulkIn, 4096)...)
	got, body := g.next(redirBulk)
	if got != id || body[0] != bulkIn {
		g.t.Fatalf("response %d, % x", got, body)
	}
	return string(body[10:])
}

// unixPorts are sockets in a folder.
type unixPorts struct {
	dir       string
	listening chan int
}

func (p unixPorts) Listen(port int) (net.Listener, error) {
	l, err := net.Listen("unix", filepath.Join(p.dir, fmt.Sprintf("port-%d", port)))
	if err == nil {
		p.listening <- port
	}
	return l, err
}

func TestUSBRedir(t *testing.T) {
	f, err := FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	tablet, err := New(Config{Serial: "VT1", Family: f, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(t.TempDir(), "port-1")
	ports := unixPorts{filepath.Dir(at), make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tablet.ServeUSB(ctx, ports, 1, false) }()
	<-ports.listening
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	conn, err := net.Dial("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	g := newGuest(t, conn)
	_, plugged := g.next(redirConnect)
	if fmt.Sprintf("% x", plugged) != "02 00 00 00 d1 18 0d d0 00 01" {
		t.Errorf("connected as % x", plugged)
	}
	if d := g.control(1, 0); len(d) != 18 || d[8] != 0xd1 {
		t.Errorf("device descriptor % x", d)
	}
	if d := g.control(2, 0); len(d) != 32 || d[14] != 0xff || d[15] != 0x42 || d[16] != 3 {
		t.Errorf("configuration descriptor % x", d)
	}
	if d := g.control(3, 3); string(d) != "\x08\x03V\x00T\x001\x00" {
		t.Errorf("serial % x", d)
	}
	for _, kind := range []byte{0, 6, 7, 0x21} {
		if d := g.control(kind, 0); d != nil {
			t.Errorf("descriptor %d: % x", kind, d)
		}
	}
	g.send(redirSetConfiguration, 1)
	if _, body := g.next(redirConfiguration); body[0] != redirOK || body[1] != 1 {
		t.Errorf("configuration % x", body)
	}
	if got := g.ask("getvar:serialno"); got != "OKAYVT1" {
		t.Errorf("serialno: %s", got)
	}
	if got := g.ask("nonsense"); !strings.HasPrefix(got, "FAIL") {
		t.Errorf("nonsense: %s", got)
	}
	// A read that the host gives up is answered as cancelled.
	id := g.send(redirBulk, bulkHead(bulkIn, 64)...)
	g.id = id - 1
	g.send(redirCancel)
	if got, body := g.next(redirBulk); got != id || body[1] != redirCancelled {
		t.Errorf("cancelled %d: % x", got, body)
	}
	// It leaves, and comes back.
	if got := g.ask("reboot-bootloader"); got != "OKAY" {
		t.Errorf("reboot: %s", got)
	}
	g.next(redirDisconnect)
	g.send(redirDisconnectAck)
	g.next(redirConnect)
	if got := g.ask("getvar:serialno"); got != "OKAYVT1" {
		t.Errorf("after the reboot: %s", got)
	}
}

// TestFaces are the descriptors that a kernel goes by: lengths add up, endpoints have
// the packet size of their speed, and each mode shows its interfaces.
func TestFaces(t *testing.T) {
	host, own := macs("VT1")
	if host == own || host[0] != 2 || own[0] != 2 {
		t.Errorf("% x, % x", host, own)
	}
	for name, c := range map[string]struct {
		u          *usbFunction
		packet     uint16
		interfaces string
	}{
		"fastboot, high": {vendorFunction(0x18d1, 0xd00d, "S", "Android", "fastboot", 3, redirHigh), 512, "ff4203"},
		"fastboot, full": {vendorFunction(0x18d1, 0xd00d, "S", "Android", "fastboot", 3, redirFull), 64, "ff4203"},
		"adb":            {vendorFunction(0x12d1, 0x107e, "S", "AGS3-L09", "ADB Interface", 1, redirHigh), 512, "ff4201"},
		"network":        {networkFunction("S", "Aurora", host, redirFull), 64, "020600 0a0000 0a0000"},
	} {
		d := c.u.descriptor(2, 0)
		if int(d[2])|int(d[3])<<8 != len(d) || int(d[4]) != len(c.u.interfaces) {
			t.Errorf("%s: % x", name, d)
		}
		var interfaces []string
		bulk := 0
		for len(d) > 0 {
			n := int(d[0])
			switch {
			case n < 2 || n > len(d):
				t.Fatalf("%s: a descriptor of %d bytes", name, n)
			case d[1] == 4:
				interfaces = append(interfaces, fmt.Sprintf("%x", d[5:8]))
			case d[1] == 5 && d[3] == 2:
				bulk++
				if got := binary.LittleEndian.Uint16(d[4:]); got != c.packet {
					t.Errorf("%s: packets of %d", name, got)
				}
			}
			d = d[n:]
		}
		if got := strings.Join(interfaces, " "); got != c.interfaces || bulk != 2 {
			t.Errorf("%s: interfaces %s, %d bulk endpoints", name, got, bulk)
		}
	}
	if mac := networkFunction("S", "Aurora", host, redirFull).descriptor(3, stringFirst); len(mac) != 2+2*12 {
		t.Errorf("the address is % x", mac)
	}
}

// FuzzRedir gives packets of any kind and content to a tablet that is plugged in.
func FuzzRedir(f *testing.F) {
	f.Add(uint32(redirControl), []byte{0x80, 6, 0x80, 0, 3, 3, 0, 0, 255, 0})
	f.Add(uint32(redirBulk), bulkHead(bulkOut, 3))
	f.Add(uint32(redirSetAlt), []byte{1})
	f.Fuzz(func(t *testing.T, kind uint32, body []byte) {
		mine, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		function := vendorFunction(1, 2, "S", "N", "fastboot", 3, redirHigh)
		if len(body)%2 == 1 {
			function = networkFunction("S", "N", [6]byte{2}, redirFull)
		}
		r := &redir{conn: mine, ids: 8, caps: redirCaps, usb: function}
		r.changed.L = &r.mu
		_ = r.handle(kind, 1, body)
		_, _ = mine.Close(), theirs.Close()
	})
}
