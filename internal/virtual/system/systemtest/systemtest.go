// Package systemtest makes booted virtual tablets for tests that have no bootloader and no
// bench: a [Tablet] has the image in its partitions from its beginning, its host is on a
// network in memory, and so a life of it takes no time in a bubble of testing/synctest.
package systemtest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
	"github.com/zarya-station/zarya/internal/virtual/system"
)

// Address is where a tablet listens on its network.
const Address = "tablet"

var image = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "systemtest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the test is over either way
	options := imageset.Options{Size: 16 << 20, From: "."}
	set, err := imageset.Build(context.Background(), filepath.Join(dir, "set"), options)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(set.System)
})

// Image returns a system image that boots. It runs programs the first time, so a test that
// is a bubble calls it before.
func Image(t testing.TB) []byte {
	t.Helper()
	b, err := image()
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	return b
}

// Tablet is a system and what it runs on.
type Tablet struct {
	*system.System
	Device *device.Device
	Net    *memnet.Net
	Gone   chan *device.Departure // of InBubble: how it left its system for good, once

	t testing.TB
}

// New makes a tablet whose partitions hold Image. dir is its device.Config.Dir.
func New(t testing.TB, dir string, faults ...string) *Tablet {
	t.Helper()
	f, err := device.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	c := device.Config{Serial: "VT1", Family: f, Dir: dir}
	if c.Faults, err = device.ParseFaults(faults...); err != nil {
		t.Fatal(err)
	}
	d, err := device.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := system.New(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	tab := &Tablet{System: s, Device: d, Net: &memnet.Net{}, t: t}
	b := Image(t)
	sum := sha256.Sum256(b)
	tab.Write("system", b)
	whole := [][2]int64{{0, int64(len(b))}}
	tab.WriteVBMeta(device.VBMetaDigests{Name: "system", Ranges: whole, SHA256: hex.EncodeToString(sum[:])})
	return tab
}

// InBubble tests a tablet that has booted, in a bubble of time; it is served until the test
// returns.
func InBubble(t *testing.T, test func(t *testing.T, tab *Tablet)) {
	Image(t) // made outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		tab := New(t, "")
		tab.Gone = make(chan *device.Departure, 1)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			gone, err := tab.Serve(ctx)
			if err != nil && ctx.Err() == nil {
				t.Error(err)
			}
			tab.Gone <- gone
		}()
		defer func() {
			cancel()
			<-ended
		}()
		synctest.Wait() // it boots
		test(t, tab)
	})
}

// Dial reaches the booted system. A tablet that is on and lets no one in refuses, one that is
// off is silent.
func (tab *Tablet) Dial(ctx context.Context) (net.Conn, error) {
	if tab.Device.State().Mode == device.ModeOff {
		return nil, syscall.EHOSTUNREACH
	}
	return tab.Net.Dial(ctx, Address)
}

// Write writes to the beginning of a partition.
func (tab *Tablet) Write(partition string, b []byte) {
	tab.t.Helper()
	p, _, err := tab.Device.Partition(partition)
	if err == nil {
		_, err = p.WriteAt(b, 0)
	}
	if err != nil {
		tab.t.Fatal(err)
	}
}

// WriteVBMeta says what the partitions of a tablet that boots must hold.
func (tab *Tablet) WriteVBMeta(digests ...device.VBMetaDigests) {
	tab.t.Helper()
	b, err := device.VBMeta{Version: "test", Partitions: digests}.Bytes()
	if err != nil {
		tab.t.Fatal(err)
	}
	tab.Write("vbmeta", b)
}

// Listen opens the tablet's place on its network.
func (tab *Tablet) Listen() (net.Listener, error) { return tab.Net.Listen(Address) }

// Serve runs the system, boot after boot, until the tablet leaves it for good, which is how
// it ended, or ctx ends.
func (tab *Tablet) Serve(ctx context.Context) (*device.Departure, error) {
	for {
		gone, err := tab.Run(ctx, tab.Listen)
		if err != nil {
			return nil, err
		}
		tab.Device.Leave(gone)
		if !gone.Back || gone.Mode != device.ModeSystem {
			return gone, nil
		}
		if err := device.Pause(ctx, gone.After); err != nil {
			return nil, fmt.Errorf("while it restarts: %w", err)
		}
	}
}

// RPM is the smallest package there is: a lead, a signature header, a header of two tags.
func RPM(name, version string) []byte {
	header := func(tags map[uint32]string) []byte {
		var index, store []byte
		for _, tag := range []uint32{1000, 1001} {
			if text, ok := tags[tag]; ok {
				for _, n := range []uint32{tag, 6, uint32(len(store)), 1} {
					index = binary.BigEndian.AppendUint32(index, n)
				}
				store = append(store, text+"\x00"...)
			}
		}
		b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
		b = binary.BigEndian.AppendUint32(b, uint32(len(index)/16))
		b = binary.BigEndian.AppendUint32(b, uint32(len(store)))
		return slices.Concat(b, index, store)
	}
	b := append([]byte("\xed\xab\xee\xdb"), make([]byte, 92)...)
	b = append(b, header(map[uint32]string{1000: "padded"})...)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return append(b, header(map[uint32]string{1000: name, 1001: version})...)
}
