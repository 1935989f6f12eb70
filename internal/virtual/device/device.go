// This file is the device: its state, its faults, and how it is left.

package device

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// The modes of a tablet.
const (
	ModeADB       = "adb"
	ModeFastboot  = "fastboot"
	ModeFastbootd = "fastbootd"
	ModeBooting   = "booting"
	ModeSystem    = "system"
	ModeDead      = "dead" // it does not boot
	ModeOff       = "off"
	ModeUnplugged = "unplugged"
)

// Device is the hardware of one tablet.
type Device struct {
	Config Config // not changed any more

	writes *Bus // of its storage

	mu     sync.Mutex
	wire   *Bus                     // guarded by mu
	faults []Fault                  // guarded by mu
	flaws  Flaws                    // guarded by mu
	open   map[string]storage.Store // guarded by mu; partitions that were used
	sizes  map[string]int64         // guarded by mu
	state  State                    // guarded by mu
	serial string                   // guarded by mu
	ahead  time.Duration            // guarded by mu; of the clock that runs while the tablet is off, of the machine's
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
}

// Flash is one write to a partition.
type Flash struct {
	Partition string
	Bytes     int64             // expanded
	SHA256    [sha256.Size]byte // of the download, with Config.Digests
}

// Flaws are what faults have changed for good.
type Flaws struct {
	RefusesGetvar bool
	NoSparse      bool // sparse images are not understood
	NoFill        bool // their FILL chunks are not
	LowBattery    bool
}

// madeAt is the time that the clock of a new tablet shows: its battery was empty.
var madeAt = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// New makes a device that is in fastboot.
func New(c Config) (*Device, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	d := &Device{Config: c, serial: c.Serial, wire: NewBus(c.Rate), writes: NewBus(c.WriteRate),
		open: map[string]storage.Store{}, sizes: map[string]int64{}, faults: slices.Clone(c.Faults)}
	for _, sizes := range []map[string]int64{c.Family.Partitions, c.Partitions} {
		for name, size := range sizes {
			if c.Family.Slots && slices.Contains(Slotted, name) {
				d.sizes[name+"_a"], d.sizes[name+"_b"] = size, size
			} else {
				d.sizes[name] = size
			}
		}
	}
	d.state.Mode = ModeFastboot
	d.ahead = time.Until(madeAt)
	if c.Family.Userspace {
		d.state.Mode = ModeFastbootd
	}
	if c.Family.Slots {
		d.state.Slot = "a"
	}
	if c.Android {
		d.state.Mode = ModeADB
	}
	if c.Dir != "" {
		if err := os.MkdirAll(filepath.Join(c.Dir, c.Serial), 0o755); err != nil { //nolint:gosec // tablets made of software hold no secret
			return nil, err
		}
	}
	d.Strike(Moment{Event: "start"})
	return d, nil
}

// Log writes one line for whoever watches the tablet.
func (d *Device) Log(format string, args ...any) { d.Config.Log(format, args...) }

// State takes a snapshot.
func (d *Device) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.state
	s.Flashes = slices.Clone(s.Flashes)
	s.Codes = slices.Clone(s.Codes)
	return s
}

// Update changes the state.
func (d *Device) Update(change func(*State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.state)
}

// SetMode is Update of the mode alone.
func (d *Device) SetMode(mode string) { d.Update(func(s *State) { s.Mode = mode }) }

// ClockAhead is how far the clock that runs while the tablet is off is ahead of the machine's.
func (d *Device) ClockAhead() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ahead
}

// SetClockAhead sets that clock.
func (d *Device) SetClockAhead(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ahead = by
}

// Serial returns the serial number that the tablet reports now.
func (d *Device) Serial() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.serial
}

// Flaws returns what faults have changed for good.
func (d *Device) Flaws() Flaws {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.flaws
}

// WaitWire waits until n bytes have come over the tablet's wire, and over the bus that it
// shares with others.
func (d *Device) WaitWire(ctx context.Context, n int64) error {
	d.mu.Lock()
	wire := d.wire
	d.mu.Unlock()
	if err := wire.wait(ctx, n); err != nil {
		return err
	}
	return d.Config.Bus.wait(ctx, n)
}

// WaitStorage waits until the tablet's storage has written n bytes.
func (d *Device) WaitStorage(ctx context.Context, n int64) error { return d.writes.wait(ctx, n) }

// Strike lets the faults that are due at m change the device, up to the first that the
// caller must act out, which it returns; nil is none.
func (d *Device) Strike(m Moment) *Fault {
	for _, f := range d.strike(m, true) {
		return &f
	}
	return nil
}

// StrikeAll is Strike where several faults can be acted out at once.
func (d *Device) StrikeAll(m Moment) []Fault { return d.strike(m, false) }

func (d *Device) strike(m Moment, one bool) (act []Fault) {
	var struck []string
	d.mu.Lock()
	for i := range d.faults {
		f := &d.faults[i]
		if !f.strikes(m) {
			continue
		}
		struck = append(struck, f.Kind)
		if !d.change(f) {
			if act = append(act, *f); one {
				break
			}
		}
	}
	d.mu.Unlock()
	for _, kind := range struck {
		d.Log("fault %s strikes at %s %s", kind, m.Event, m.Partition)
	}
	return act
}

// change lets a fault change the device; false is a fault that must be acted out. mu is
// held.
func (d *Device) change(f *Fault) bool {
	switch f.Kind {
	case "slow":
		d.wire = NewBus(f.rate)
	case "serial":
		d.serial = f.Arg
	case "locked":
		d.state.Locked = true
	case "refuse-getvar":
		d.flaws.RefusesGetvar = true
	case "no-sparse":
		d.flaws.NoSparse = true
	case "no-fill":
		d.flaws.NoFill = true
	case "low-battery":
		d.flaws.LowBattery = true
	default:
		return false
	}
	return true
}

// Departure ends a program: the tablet restarts, is turned off or is pulled out.
type Departure struct {
	Mode  string        // what it is afterwards
	After time.Duration // how long it is away
	Back  bool          // false: for ever
	Port  int           // on USB, where it comes back; 0 is the same port
}

func (d *Departure) Error() string { return "the tablet leaves for " + d.Mode }

// Reboot returns how the tablet leaves for another mode, or how a fault lets it leave
// instead.
func (d *Device) Reboot(mode string) *Departure {
	if f := d.Strike(Moment{Event: "reboot"}); f != nil && f.Kind == "unplug" {
		return Unplug(f)
	}
	return &Departure{Mode: mode, After: d.Config.RebootTime, Back: true}
}

// Unplug returns how the fault unplug lets the tablet leave.
func Unplug(f *Fault) *Departure {
	after, back := f.Duration()
	return &Departure{Mode: ModeUnplugged, After: after, Back: back, Port: f.port}
}

// Leave shows in the state that the tablet is on its way.
func (d *Device) Leave(to *Departure) {
	if to.Mode == ModeSystem {
		d.SetMode(ModeBooting)
	} else {
		d.SetMode(to.Mode)
	}
}
