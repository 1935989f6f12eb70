// This file is the tablet: its configuration, its state, and what goes on from
// power-up to unplugging.

package virtual

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config is what a tablet is made of.
type Config struct {
	Serial      string
	Family      Family
	Dir         string           // partitions are files Dir/SERIAL/PARTITION.img; "" keeps them in memory
	Partitions  map[string]int64 // further partitions, or other sizes, in bytes
	MaxDownload int64            // bytes; 0 is the family's
	Rate        int64            // bytes/s of this tablet's wire; 0 is unlimited
	WriteRate   int64            // bytes/s of its storage, expanded; 0 is unlimited
	Bus         *Bus             // shared by tablets; nil is unlimited
	Faults      []Fault
	RebootTime  time.Duration // how long it is away when it restarts
	Android     bool          // on USB it runs Android first, with debugging on
	Digests     bool          // keep the digest of each download, for State
	Login       Login         // of the booted system; the zero value is DefaultLogin
	UnlockCode  string        // that oem unlock takes; "": there is no such command
	Log         func(format string, args ...any)
}

// Tablet is one device. Serve runs it; State and Partition look at it from other
// goroutines.
type Tablet struct {
	config Config
	wire   *Bus
	store  *Bus
	faults []Fault // used by the session only

	mu     sync.Mutex
	open   map[string]store // guarded by mu; partitions that were used
	sizes  map[string]int64 // guarded by mu
	state  State            // guarded by mu
	serial string           // guarded by mu

	refuse, noSparse, noFill, lowBattery bool // used by the session only

	quit      context.CancelCauseFunc // guarded by mu; ends the booted system
	listening net.Listener            // guarded by mu; of SSH
	shut      bool                    // guarded by mu; SSH was closed since boot
	boot      string                  // names this run of the system; set at boot

	root    *rootfs
	restart sync.Mutex // of the booted system
	release []byte     // of wrong-build; nil otherwise; set at boot

	download struct { // what was downloaded last; used by the session only
		store  store
		size   int64
		digest [sha256.Size]byte
	}
	deferred string // a failure to be told at the next command
}

// State is a snapshot of a tablet.
type State struct {
	Mode       string // adb, fastboot, fastbootd, booting, system, dead (does not boot), off, unplugged
	Locked     bool
	Slot       string // a or b; "" without slots
	Downloads  int
	Downloaded int64 // bytes
	Commands   int
	Flashes    []Flash  // that were written, in order
	Codes      []string // that oem unlock was given, in order

	installing []installing // packages on their way
}

// Flash is one write to a partition.
type Flash struct {
	Partition string
	Bytes     int64             // expanded
	SHA256    [sha256.Size]byte // of the download, with Config.Digests
}

// New makes a tablet that is in fastboot and not served yet.
func New(c Config) (*Tablet, error) {
	if c.Family.Product == "" {
		return nil, errors.New("a virtual tablet needs a family")
	}
	if c.Serial == "" || strings.ContainsAny(c.Serial, "/\\\x00") || c.Serial == "." || c.Serial == ".." {
		return nil, fmt.Errorf("%q cannot be a serial number", c.Serial)
	}
	if c.MaxDownload == 0 {
		c.MaxDownload = c.Family.MaxDownload
	}
	if c.Login == (Login{}) {
		c.Login = DefaultLogin
	}
	if c.Log == nil {
		c.Log = func(string, ...any) {}
	}
	t := &Tablet{config: c, serial: c.Serial, wire: NewBus(c.Rate), store: NewBus(c.WriteRate),
		open: map[string]store{}, sizes: map[string]int64{}, faults: slices.Clone(c.Faults)}
	for _, sizes := range []map[string]int64{c.Family.Partitions, c.Partitions} {
		for name, size := range sizes {
			if c.Family.Slots && slices.Contains(slotted, name) {
				t.sizes[name+"_a"], t.sizes[name+"_b"] = size, size
			} else {
				t.sizes[name] = size
			}
		}
	}
	t.state.Mode = "fastboot"
	if c.Family.Userspace {
		t.state.Mode = "fastbootd"
	}
	if c.Family.Slots {
		t.state.Slot = "a"
	}
	if c.Android {
		t.state.Mode = "adb"
	}
	if c.Dir != "" {
		if err := os.MkdirAll(filepath.Join(c.Dir, c.Serial), 0o755); err != nil {
			return nil, err
		}
	}
	var err error
	if t.root, err = newRootfs(c.overlayFile()); err != nil {
		return nil, err
	}
	t.strike(moment{event: "start"})
	return t, nil
}

// State takes a snapshot.
func (t *Tablet) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.state
	s.Flashes = slices.Clone(s.Flashes)
	return s
}

// Partition opens a partition for reading and gives its size in bytes. Without a
// slot, the active one is meant.
func (t *Tablet) Partition(name string) (io.ReaderAt, int64, error) {
	s, size, err := t.lookup(name)
	return s, size, err
}

var errNoPartition = errors.New("no such partition")

// resolve gives the full name of a partition.
func (t *Tablet) resolve(name string) (string, int64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if size, ok := t.sizes[name]; ok {
		return name, size, true
	}
	if t.state.Slot != "" && slices.Contains(slotted, name) {
		name += "_" + t.state.Slot
	}
	size, ok := t.sizes[name]
	return name, size, ok
}

func (t *Tablet) lookup(name string) (store, int64, error) {
	name, size, ok := t.resolve(name)
	if !ok {
		return nil, 0, errNoPartition
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, err := t.partition(name)
	return s, size, err
}

func (t *Tablet) set(change func(*State)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.state)
}

// strike lets the faults that are due change the tablet, and returns the first
// that must be acted on by the caller, or nil.
func (t *Tablet) strike(m moment) *Fault {
	for i := range t.faults {
		f := &t.faults[i]
		if !f.strikes(m) {
			continue
		}
		t.config.Log("fault %s strikes at %s %s", f.Kind, m.event, m.partition)
		switch f.Kind {
		case "slow":
			t.wire = NewBus(f.rate)
		case "serial":
			t.mu.Lock()
			t.serial = f.Arg
			t.mu.Unlock()
		case "locked":
			t.set(func(s *State) { s.Locked = true })
		case "refuse-getvar":
			t.refuse = true
		case "no-sparse":
			t.noSparse = true
		case "no-fill":
			t.noFill = true
		case "low-battery":
			t.lowBattery = true
		default:
			return f
		}
	}
	return nil
}

// link is one connection of a host, without its framing.
type link interface {
	ReadCommand() (string, error)
	Respond(packet string) error
	ReadData(p []byte) (int, error)
	WriteData(p []byte) error
}

// leave ends a session: the tablet goes away.
type leave struct {
	mode  string        // what it is afterwards
	after time.Duration // how long it is away
	back  bool          // false: for ever
	port  int           // on USB, where it comes back; 0 is the same port
}

func (l *leave) Error() string { return "the tablet leaves for " + l.mode }

// leaving tells that the tablet is on its way.
func (t *Tablet) leaving(l *leave) {
	t.set(func(s *State) {
		if s.Mode = l.mode; l.mode == "system" {
			s.Mode = "booting"
		}
	})
}

// away is the time between two sessions of fastboot: off, restarting, or booted
// with SSH on n at address. A tablet that never comes back is away until ctx ends.
func (t *Tablet) away(ctx context.Context, l *leave, n Network, address string) error {
	for {
		t.config.Log("leaves for %s", l.mode)
		t.leaving(l)
		if !l.back || l.mode == "off" {
			<-ctx.Done()
			return ctx.Err()
		}
		if err := pause(ctx, l.after); err != nil {
			return err
		}
		if l.mode != "system" {
			t.set(func(s *State) { // an unplugged tablet is in fastboot again
				if s.Mode == "unplugged" {
					s.Mode = "fastboot"
				}
			})
			return nil
		}
		next, err := t.system(ctx, n, address)
		if err != nil {
			return err
		}
		l = next
	}
}

// Network is where a tablet listens. *memnet.Net is one, *Held another.
type Network interface {
	Listen(address string) (net.Listener, error)
}

// Serve listens on n at address and answers one host at a time, until ctx ends.
// While the tablet is away nothing listens. An error means that it could not
// listen, or that its storage failed.
func (t *Tablet) Serve(ctx context.Context, n Network, address string) error {
	defer t.close()
	for {
		l, err := n.Listen(address)
		if err != nil {
			return err
		}
		stop := context.AfterFunc(ctx, func() { _ = l.Close() })
		gone, err := t.accept(ctx, l)
		stop()
		_ = l.Close()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := t.away(ctx, gone, n, address); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// accept serves hosts until the tablet leaves.
func (t *Tablet) accept(ctx context.Context, l net.Listener) (*leave, error) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		if s, herr := greet(conn); herr == nil {
			err = t.session(ctx, s)
		}
		stop()
		_ = conn.Close()
		var gone *leave
		if errors.As(err, &gone) {
			return gone, nil
		}
		var broken *storageError
		if errors.As(err, &broken) {
			return nil, err
		}
	}
}

func (t *Tablet) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.download.store != nil {
		_ = t.download.store.Close()
		t.download.store = nil
	}
	for name, s := range t.open {
		if _, file := s.(sparseFile); file {
			_ = s.Close()
			delete(t.open, name)
		}
	}
}

// storageError means that the computer under the tablet failed.
type storageError struct{ err error }

func (e *storageError) Error() string { return "storage: " + e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }

// partitionNames are all partitions, sorted.
func (t *Tablet) partitionNames() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Sorted(maps.Keys(t.sizes))
}
