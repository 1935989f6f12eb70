package adbd

import (
	"bytes"
	"io"
	"testing"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// FuzzADB gives a tablet in Android any bytes of a host.
func FuzzADB(f *testing.F) {
	family, err := device.FamilyByName("kirin710a-ags3")
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("CNXN\x00\x00\x00\x01\x00\x10\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\xbc\xb1\xa7\xb1a:b"))
	f.Add([]byte("OPEN\x01\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\xb0\xaf\xba\xb1shell:"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := device.New(device.Config{Serial: "S", Family: family})
		if err != nil {
			t.Fatal(err)
		}
		if err := Serve(d, tape{bytes.NewReader(b), io.Discard}); err == nil {
			t.Error("a host that goes away is no error")
		}
	})
}

// tape is a host that does not listen.
type tape struct {
	io.Reader
	io.Writer
}
