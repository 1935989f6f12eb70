// Descriptors, and packets of every kind.

package usbredir

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual/usbredir/usbredirtest"
)

// TestFaces are the descriptors that a kernel goes by: lengths add up, endpoints have
// the packet size of their speed, and each mode shows its interfaces.
func TestFaces(t *testing.T) {
	host, own := Addresses("VT1")
	if host == own || host[0] != 2 || own[0] != 2 {
		t.Errorf("% x, % x", host, own)
	}
	for name, c := range map[string]struct {
		u          *Function
		packet     uint16
		interfaces string
	}{
		"fastboot, high": {VendorFunction(0x18d1, 0xd00d, "S", "Android", "fastboot", 3, HighSpeed), 512, "ff4203"},
		"fastboot, full": {VendorFunction(0x18d1, 0xd00d, "S", "Android", "fastboot", 3, FullSpeed), 64, "ff4203"},
		"adb":            {VendorFunction(0x12d1, 0x107e, "S", "AGS3-L09", "ADB Interface", 1, HighSpeed), 512, "ff4201"},
		"network":        {NetworkFunction("S", "Aurora", host, FullSpeed), 64, "020600 0a0000 0a0000"},
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
	if mac := NetworkFunction("S", "Aurora", host, FullSpeed).descriptor(3, stringFirst); len(mac) != 2+2*12 {
		t.Errorf("the address is % x", mac)
	}
}

// FuzzRedir gives packets of any kind and content to a tablet that is plugged in.
func FuzzRedir(f *testing.F) {
	f.Add(uint32(typeControl), []byte{0x80, 6, 0x80, 0, 3, 3, 0, 0, 255, 0})
	f.Add(uint32(typeBulk), usbredirtest.BulkHead(bulkOut, 3))
	f.Add(uint32(typeSetAlt), []byte{1})
	f.Fuzz(func(t *testing.T, kind uint32, body []byte) {
		mine, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		function := VendorFunction(1, 2, "S", "N", "fastboot", 3, HighSpeed)
		if len(body)%2 == 1 {
			function = NetworkFunction("S", "N", [6]byte{2}, FullSpeed)
		}
		c := &Connection{conn: mine, ids: 8, caps: allCapabilities, usb: function}
		c.changed.L = &c.mu
		_ = c.handle(kind, 1, body)
		_, _ = mine.Close(), theirs.Close()
	})
}
