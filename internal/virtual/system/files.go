// This file is the files that a boot makes, and those that only a kernel has.

package system

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// mount makes the root file system ready, and what a first boot makes.
func (s *System) mount(wrongBuild bool) error {
	image, size, err := s.device.Partition("system")
	if err != nil {
		return fmt.Errorf("%w: no system", errBoot)
	}
	if err := s.root.mount(image, size); err != nil {
		return fmt.Errorf("%w: %w", errBoot, err)
	}
	if _, err := s.root.ReadFile("/etc/machine-id"); err != nil {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails (crypto/rand)
		if err := s.root.WriteFile("/etc/machine-id", []byte(hex.EncodeToString(id[:])+"\n"), 0o444, 0); err != nil {
			return fmt.Errorf("%w: no /etc in system", errBoot)
		}
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	s.bootID = bootID(random)
	for _, dir := range []string{"/tmp", path.Dir(s.busSocket())} {
		if err := s.makeFolder(dir, userID); err != nil {
			return fmt.Errorf("%w: no / in system: %w", errBoot, err)
		}
	}
	if err := s.root.put(s.busSocket(), &node{Mode: fs.ModeSocket | 0o600, UID: userID}); err != nil {
		return err
	}
	release, err := s.root.ReadFile("/etc/os-release")
	if err != nil {
		return fmt.Errorf("%w: no /etc/os-release in system", errBoot)
	}
	s.release = nil
	if wrongBuild {
		var lines []string
		for line := range strings.Lines(string(release)) {
			if strings.HasPrefix(line, "VERSION_ID=") {
				line = "VERSION_ID=0.0.0.1\n"
			}
			lines = append(lines, line)
		}
		s.release = []byte(strings.Join(lines, ""))
	}
	return nil
}

// synthetic are the files that a kernel makes, and what a fault changes.
func (s *System) synthetic(name string) ([]byte, bool) {
	switch name {
	case "/proc/cmdline":
		return []byte("root=/dev/mmcblk0p1 androidboot.serialno=" + s.device.Serial() + " quiet\n"), true
	case "/sys/class/power_supply/battery/capacity":
		if s.device.Flaws().LowBattery {
			return []byte("7\n"), true
		}
		return []byte("80\n"), true
	case "/proc/sys/kernel/random/boot_id":
		return []byte(s.bootID + "\n"), true
	case "/sys/class/net/wlan0/address":
		return []byte(s.mac() + "\n"), true
	case "/sys/block/mmcblk0/size":
		return []byte("61071360\n"), true // 32 GB, in sectors
	case "/etc/os-release":
		if s.release != nil {
			return s.release, true
		}
	}
	return nil, false
}

// ReadFile reads a file of the booted system, as root.
func (s *System) ReadFile(name string) ([]byte, error) { return s.root.ReadFile(name) }

// ReadLink reads a symbolic link of the booted system, as root.
func (s *System) ReadLink(name string) (string, error) {
	return s.root.readLink(name)
}

// makeFile writes a file and the folders that it is in.
func (s *System) makeFile(name string, data []byte, mode fs.FileMode, uid int) error {
	if err := s.makeFolder(path.Dir(name), uid); err != nil {
		return err
	}
	return s.root.WriteFile(name, data, mode, uid)
}

// makeFolder makes a folder and those that it is in.
func (s *System) makeFolder(name string, uid int) error {
	at, n, err := s.root.walk(name, true)
	if err == nil && n.Mode.IsDir() {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := s.makeFolder(path.Dir(at), uid); err != nil {
		return err
	}
	return s.root.put(at, &node{Mode: fs.ModeDir | 0o755, UID: uid, GID: uid})
}

// readTable reads a map that a program keeps in a file.
func (s *System) readTable(name string) map[string]string {
	m := map[string]string{}
	if b, err := s.root.ReadFile(name); err == nil {
		_ = json.Unmarshal(b, &m) // only these programs write it
	}
	return m
}

// writeTable writes such a map.
func (s *System) writeTable(name string, m map[string]string, uid int) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return s.makeFile(name, b, 0o644, uid)
}
