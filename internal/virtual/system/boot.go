// This file is what happens after reboot: the check of what was flashed, and the
// system that comes up, or does not.

package virtual

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

// VBMeta is what the bootloader knows of the partitions it starts: "AVB0", the
// length of what follows (32 bits, little-endian), and this as JSON.
type VBMeta struct {
	Version    string          `json:"version"`
	Partitions []VBMetaDigests `json:"partitions"`
}

// VBMetaDigests is the digest of one partition's written ranges.
type VBMetaDigests struct {
	Name   string     `json:"name"`
	Ranges [][2]int64 `json:"ranges"` // offset and length, bytes
	SHA256 string     `json:"sha256"` // of the ranges, one after the other
}

const vbmetaMagic = "AVB0"

// Bytes is the partition's content, padded to whole blocks.
func (v VBMeta) Bytes() ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint32([]byte(vbmetaMagic), uint32(len(text)))
	b = append(b, text...)
	return append(b, make([]byte, (4096-len(b)%4096)%4096)...), nil
}

// errBoot is why a tablet does not start.
var errBoot = errors.New("does not boot")

// verify compares all that vbmeta names.
func (t *Tablet) verify(ctx context.Context) error {
	r, size, err := t.lookup("vbmeta")
	if err != nil {
		return fmt.Errorf("%w: no vbmeta", errBoot)
	}
	head := make([]byte, min(size, 64<<10))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	n := int64(0)
	if len(head) > 8 {
		n = int64(binary.LittleEndian.Uint32(head[4:]))
	}
	if !bytes.HasPrefix(head, []byte(vbmetaMagic)) || n > int64(len(head))-8 {
		return fmt.Errorf("%w: vbmeta is invalid", errBoot)
	}
	var v VBMeta
	if err := json.Unmarshal(head[8:8+n], &v); err != nil || len(v.Partitions) == 0 {
		return fmt.Errorf("%w: vbmeta is invalid", errBoot)
	}
	buf := make([]byte, 1<<20)
	for _, p := range v.Partitions {
		r, size, err := t.lookup(p.Name)
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

// system boots and serves SSH on n at address until the tablet leaves. A tablet
// that does not boot listens nowhere until ctx ends.
func (t *Tablet) system(ctx context.Context, n Network, address string) (*leave, error) {
	t.set(func(s *State) { s.Mode = "booting" })
	wrong := false
	err := t.verify(ctx)
	for i := range t.faults {
		f := &t.faults[i]
		if !f.strikes(moment{event: "boot"}) {
			continue
		}
		t.config.Log("fault %s strikes at boot", f.Kind)
		switch f.Kind {
		case "no-boot":
			err = fmt.Errorf("%w: as asked", errBoot)
		case "slow-boot":
			wait := defaultSlowBoot
			if f.seconds >= 0 {
				wait = time.Duration(f.seconds * float64(time.Second))
			}
			if perr := pause(ctx, wait); perr != nil {
				return nil, perr
			}
		case "wrong-build":
			wrong = true
		}
	}
	if err == nil {
		err = t.mount(wrong)
	}
	if errors.Is(err, errBoot) {
		t.config.Log("%v", err)
		t.set(func(s *State) { s.Mode = "dead" })
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	l, err := n.Listen(address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer func() { _ = l.Close() }()
	t.set(func(s *State) { s.Mode = "system" })
	t.mu.Lock()
	t.shut = false
	t.mu.Unlock()
	return t.serveSSH(ctx, l)
}

// mount makes the root file system ready, and what a first boot makes.
func (t *Tablet) mount(wrong bool) error {
	s, size, err := t.lookup("system")
	if err != nil {
		return fmt.Errorf("%w: no system", errBoot)
	}
	if err := t.root.mount(s, size); err != nil {
		return fmt.Errorf("%w: %w", errBoot, err)
	}
	if _, err := t.root.ReadFile("/etc/machine-id"); err != nil {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
		if err := t.root.WriteFile("/etc/machine-id", []byte(hex.EncodeToString(id[:])+"\n"), 0o444, 0); err != nil {
			return fmt.Errorf("%w: no /etc in system", errBoot)
		}
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	t.boot = bootID(random)
	for _, dir := range []string{"/tmp", path.Dir(t.busSocket())} {
		if err := t.makeFolder(dir, userID); err != nil {
			return fmt.Errorf("%w: no / in system: %w", errBoot, err)
		}
	}
	if err := t.root.put(t.busSocket(), &node{Mode: fs.ModeSocket | 0o600, UID: userID}); err != nil {
		return err
	}
	release, err := t.root.ReadFile("/etc/os-release")
	if err != nil {
		return fmt.Errorf("%w: no /etc/os-release in system", errBoot)
	}
	t.release = nil
	if wrong {
		var lines []string
		for line := range strings.Lines(string(release)) {
			if strings.HasPrefix(line, "VERSION_ID=") {
				line = "VERSION_ID=0.0.0.1\n"
			}
			lines = append(lines, line)
		}
		t.release = []byte(strings.Join(lines, ""))
	}
	return nil
}

// synthetic are the files that a kernel makes, and what a fault changes.
func (t *Tablet) synthetic(name string) ([]byte, bool) {
	switch name {
	case "/proc/cmdline":
		t.mu.Lock()
		defer t.mu.Unlock()
		return []byte("root=/dev/mmcblk0p1 androidboot.serialno=" + t.serial + " quiet\n"), true
	case "/sys/class/power_supply/battery/capacity":
		if t.lowBattery {
			return []byte("7\n"), true
		}
		return []byte("80\n"), true
	case "/proc/sys/kernel/random/boot_id":
		return []byte(t.boot + "\n"), true
	case "/sys/class/net/wlan0/address":
		return []byte(t.mac() + "\n"), true
	case "/sys/block/mmcblk0/size":
		return []byte("61071360\n"), true // 32 GB, in sectors
	case "/etc/os-release":
		if t.release != nil {
			return t.release, true
		}
	}
	return nil, false
}

// ReadFile reads a file of the booted system, as root.
func (t *Tablet) ReadFile(name string) ([]byte, error) { return t.root.ReadFile(name) }

// ReadLink reads a symbolic link of the booted system, as root.
func (t *Tablet) ReadLink(name string) (string, error) {
	return (&sftpFiles{t: t}).Readlink(name)
}
