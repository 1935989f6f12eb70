// A tablet in a port as a virtual machine sees it, packet by packet; the rig has a real
// one.

package virtual_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual"
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
