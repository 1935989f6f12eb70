// A tablet in a port as a virtual machine sees it, packet by packet; the rig has a real
// one.

package virtual_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
	"github.com/zarya-station/zarya/internal/virtual/usbredir/usbredirtest"
)

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

func TestUSB(t *testing.T) {
	f, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	tablet, err := virtual.New(virtual.Config{Serial: "VT1", Family: f, Log: t.Logf})
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
	g := usbredirtest.NewGuest(t, conn)
	_, plugged := g.Next(usbredirtest.Connect)
	if fmt.Sprintf("% x", plugged) != "02 00 00 00 d1 18 0d d0 00 01" {
		t.Errorf("connected as % x", plugged)
	}
	if d := g.Descriptor(1, 0); len(d) != 18 || d[8] != 0xd1 {
		t.Errorf("device descriptor % x", d)
	}
	if d := g.Descriptor(2, 0); len(d) != 32 || d[14] != 0xff || d[15] != 0x42 || d[16] != 3 {
		t.Errorf("configuration descriptor % x", d)
	}
	if d := g.Descriptor(3, 3); string(d) != "\x08\x03V\x00T\x001\x00" {
		t.Errorf("serial % x", d)
	}
	for _, kind := range []byte{0, 6, 7, 0x21} {
		if d := g.Descriptor(kind, 0); d != nil {
			t.Errorf("descriptor %d: % x", kind, d)
		}
	}
	g.Send(usbredirtest.SetConfiguration, 1)
	if _, body := g.Next(usbredirtest.Configuration); body[0] != usbredirtest.StatusOK || body[1] != 1 {
		t.Errorf("configuration % x", body)
	}
	if got := g.Ask("getvar:serialno"); got != "OKAYVT1" {
		t.Errorf("serialno: %s", got)
	}
	if got := g.Ask("nonsense"); !strings.HasPrefix(got, "FAIL") {
		t.Errorf("nonsense: %s", got)
	}
	// A read that the host gives up is answered as cancelled.
	id := g.Send(usbredirtest.Bulk, usbredirtest.BulkHead(usbredirtest.BulkIn, 64)...)
	g.ID = id - 1
	g.Send(usbredirtest.Cancel)
	if got, body := g.Next(usbredirtest.Bulk); got != id || body[1] != usbredirtest.StatusCancelled {
		t.Errorf("cancelled %d: % x", got, body)
	}
	// It leaves, and comes back.
	if got := g.Ask("reboot-bootloader"); got != "OKAY" {
		t.Errorf("reboot: %s", got)
	}
	g.Next(usbredirtest.Disconnect)
	g.Send(usbredirtest.DisconnectAck)
	g.Next(usbredirtest.Connect)
	if got := g.Ask("getvar:serialno"); got != "OKAYVT1" {
		t.Errorf("after the reboot: %s", got)
	}
}

// connect is a virtual machine that connects to a port.
func (p unixPorts) connect(t *testing.T, port int) *usbredirtest.Guest {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(p.dir, fmt.Sprintf("port-%d", port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return usbredirtest.NewGuest(t, conn)
}

// identity waits until something is plugged in, and returns its speed, vendor and product.
func identity(g *usbredirtest.Guest) string {
	_, b := g.Next(usbredirtest.Connect)
	return fmt.Sprintf("%d %04x:%04x", b[0], binary.LittleEndian.Uint16(b[4:]), binary.LittleEndian.Uint16(b[6:]))
}

// TestUSBLife goes with one tablet from Android to another port and to its system, and
// takes the port away there.
func TestUSBLife(t *testing.T) {
	dir := t.TempDir()
	set, err := imageset.Build(t.Context(), filepath.Join(dir, "set"), imageset.Options{Size: 16 * mib, From: "."})
	if err != nil {
		t.Fatal(err)
	}
	f, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	fault, err := virtual.ParseFault("unplug=port:2@reboot")
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(set.System)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(image)
	meta, err := virtual.VBMeta{Partitions: []virtual.VBMetaDigests{
		{Name: "system", Ranges: [][2]int64{{0, int64(len(image))}}, SHA256: hex.EncodeToString(sum[:])}}}.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	tablet, err := virtual.New(virtual.Config{Serial: "VT1", Family: f, Dir: dir, Android: true, Faults: []virtual.Fault{fault}, Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"system": image, "vbmeta": meta} {
		if err := os.WriteFile(filepath.Join(dir, "VT1", name+".img"), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ports := unixPorts{t.TempDir(), make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- tablet.ServeUSB(ctx, ports, 1, true) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

	// Android, until adb asks for the bootloader. The fault puts it into port 2 then.
	<-ports.listening
	g := ports.connect(t, 1)
	if got := identity(g); got != "1 12d1:107e" {
		t.Errorf("in Android it is %s", got)
	}
	const service = "reboot:bootloader\x00"
	open := binary.LittleEndian.AppendUint32([]byte("OPEN\x01\x00\x00\x00\x00\x00\x00\x00"), uint32(len(service)))
	open = append(open, "\x00\x00\x00\x00\xb0\xaf\xba\xb1"...)
	for _, part := range []string{string(open), service} {
		g.Send(usbredirtest.Bulk, append(usbredirtest.BulkHead(usbredirtest.BulkOut, len(part)), part...)...)
	}
	for range 2 { // OKAY and CLSE
		g.Send(usbredirtest.Bulk, usbredirtest.BulkHead(usbredirtest.BulkIn, 4096)...)
	}
	g.Next(usbredirtest.Disconnect)
	g.Send(usbredirtest.DisconnectAck)
	if port := <-ports.listening; port != 2 {
		t.Errorf("it came back in port %d", port)
	}

	// Fastboot in port 2, and from there the system as a network function.
	g = ports.connect(t, 2)
	if got := identity(g); got != "1 18d1:d00d" {
		t.Errorf("in fastboot it is %s", got)
	}
	if got := g.Ask("reboot"); got != "OKAY" {
		t.Fatalf("reboot: %s", got)
	}
	g.Next(usbredirtest.Disconnect)
	g.Send(usbredirtest.DisconnectAck)
	if got := identity(g); got != "1 0525:a4a2" {
		t.Errorf("booted it is %s", got)
	}
	if text, err := tablet.ReadFile("/etc/os-release"); err != nil || !strings.Contains(string(text), "ID=auroraos") {
		t.Errorf("%q %v", text, err)
	}
	// The virtual machine goes; the next one finds the tablet booted.
	g.Close()
	g = ports.connect(t, 2)
	if got := identity(g); got != "1 0525:a4a2" {
		t.Errorf("in the next virtual machine it is %s", got)
	}
}

// TestADB restarts a tablet that is debugged over TCP.
func TestADB(t *testing.T) {
	f, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	tablet, err := virtual.New(virtual.Config{Serial: "VT1", Family: f, Android: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"restart", "cancel"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- tablet.ServeADB(ctx, l) }()
		for _, message := range []string{"nonsense in place of a message",
			"OPEN\x01\x00\x00\x00\x00\x00\x00\x00\x12\x00\x00\x00\x00\x00\x00\x00\xb0\xaf\xba\xb1reboot:bootloader\x00"} {
			if end == "cancel" {
				break
			}
			conn, err := net.Dial("tcp", l.Addr().String())
			if err == nil {
				_, err = conn.Write([]byte(message))
			}
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, conn) // until it hangs up
			_ = conn.Close()
		}
		if end == "cancel" {
			cancel()
		}
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", end, err)
		}
		cancel()
	}
}
