// This file is a boot: the check of what was flashed, and the system that comes up, or
// does not.

package system

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// System is the system of one tablet, from boot to boot.
type System struct {
	device *device.Device
	root   *rootfs

	bootID  string // names this boot
	release []byte // os-release, of wrong-build; nil is that of the image

	restarting sync.Mutex // one restart at a time

	mu         sync.Mutex
	listener   net.Listener        // guarded by mu; of SSH in this boot
	closed     bool                // guarded by mu; SSH was closed in this boot
	powerOff   func(time.Duration) // guarded by mu; turns the tablet off after a time
	installing []installing        // guarded by mu; packages on their way
	clockAhead time.Duration       // guarded by mu; of the machine's
}

// New makes the system of a device, with what earlier runs have written to it.
func New(d *device.Device) (*System, error) {
	overlay := ""
	if d.Config.Dir != "" {
		overlay = filepath.Join(d.Config.Dir, d.Config.Serial, "overlay.json")
	}
	root, err := newRootfs(overlay)
	if err != nil {
		return nil, err
	}
	return &System{device: d, root: root}, nil
}

// Forget empties the overlay: what was written to the system is gone.
func (s *System) Forget() error { return s.root.reset() }

// errBoot is why a tablet does not start.
var errBoot = errors.New("does not boot")

// verify compares each partition that vbmeta names with its digest.
func (s *System) verify(ctx context.Context) error {
	r, size, err := s.device.Partition("vbmeta")
	if err != nil {
		return fmt.Errorf("%w: no vbmeta", errBoot)
	}
	head := make([]byte, min(size, 64<<10))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	v, err := device.ParseVBMeta(head)
	if err != nil {
		return fmt.Errorf("%w: %w", errBoot, err)
	}
	buf := make([]byte, 1<<20)
	for _, p := range v.Partitions {
		r, size, err := s.device.Partition(p.Name)
		if err != nil {
			return fmt.Errorf("%w: no partition %s", errBoot, p.Name)
		}
		sum := sha256.New()
		for _, span := range p.Ranges {
			if span[0] < 0 || span[1] < 0 || span[0] > size-span[1] {
				return fmt.Errorf("%w: %s is too small", errBoot, p.Name)
			}
			for at, left := span[0], span[1]; left > 0; {
				part := buf[:min(left, int64(len(buf)))]
				if _, err := r.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
					return err
				}
				sum.Write(part)
				at, left = at+int64(len(part)), left-int64(len(part))
				if ctx.Err() != nil {
					return ctx.Err()
				}
			}
		}
		if hex.EncodeToString(sum.Sum(nil)) != p.SHA256 {
			return fmt.Errorf("%w: %s is not what vbmeta says", errBoot, p.Name)
		}
	}
	return nil
}

// defaultSlowBoot is slow-boot without its seconds.
const defaultSlowBoot = time.Minute

// Run boots and serves SSH where listen listens, until the tablet leaves. A tablet that
// does not boot listens nowhere until ctx ends.
func (s *System) Run(ctx context.Context, listen func() (net.Listener, error)) (*device.Departure, error) {
	s.device.SetMode(device.ModeBooting)
	err := s.verify(ctx)
	wrongBuild := false
	for _, f := range s.device.StrikeAll(device.Moment{Event: "boot"}) {
		switch f.Kind {
		case "no-boot":
			err = fmt.Errorf("%w: as asked", errBoot)
		case "slow-boot":
			wait, given := f.Duration()
			if !given {
				wait = defaultSlowBoot
			}
			if perr := device.Pause(ctx, wait); perr != nil {
				return nil, perr
			}
		case "wrong-build":
			wrongBuild = true
		}
	}
	if err == nil {
		err = s.mount(wrongBuild)
	}
	if errors.Is(err, errBoot) {
		s.device.Log("%v", err)
		s.device.SetMode(device.ModeDead)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	l, err := listen()
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	s.startClock()
	s.device.SetMode(device.ModeSystem)
	return s.serveSSH(ctx, l)
}
