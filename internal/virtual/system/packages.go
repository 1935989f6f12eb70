// This file is packages: what rpm, pkcon and Aurora's APM read and change.

package system

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"
)

const (
	rpmDatabase = "/var/lib/rpm/virtual.json" // name: version
	installTime = 300 * time.Millisecond      // until the package manager is done
)

// installing is a package on its way.
type installing struct {
	name, file string
	at         time.Time
}

// installDue installs what has had its time.
func (s *System) installDue() {
	var ready []installing
	s.mu.Lock()
	s.installing = slices.DeleteFunc(s.installing, func(i installing) bool {
		due := !time.Now().Before(i.at)
		if due {
			ready = append(ready, i)
		}
		return due
	})
	s.mu.Unlock()
	for _, i := range ready {
		_ = s.installPackage(i.file) // one that is gone by now is not installed
	}
}

// installPackage enters a package of a file into the database.
func (s *System) installPackage(file string) error {
	name, version, err := s.parsePackage(file)
	if err != nil {
		return err
	}
	all := s.readTable(rpmDatabase)
	all[name] = version
	return s.writeTable(rpmDatabase, all, 0)
}

// parsePackage reads name and version of an RPM (lead of 96 bytes, signature header padded to
// 8 bytes, header; tags 1000 and 1001).
func (s *System) parsePackage(file string) (name, version string, err error) {
	b, err := s.root.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	bad := errors.New(file + " is no package")
	header := func(at int) (tags map[uint32]string, end int, ok bool) {
		if at+16 > len(b) || string(b[at:at+3]) != "\x8e\xad\xe8" {
			return nil, 0, false
		}
		n, size := int(binary.BigEndian.Uint32(b[at+8:])), int(binary.BigEndian.Uint32(b[at+12:]))
		store := at + 16 + 16*n
		if n < 0 || size < 0 || n > 1<<16 || size > 1<<28 || store+size > len(b) {
			return nil, 0, false
		}
		tags = map[uint32]string{}
		for i := range n {
			e := b[at+16+16*i:]
			if kind, off := binary.BigEndian.Uint32(e[4:]), int(binary.BigEndian.Uint32(e[8:])); kind == 6 && off >= 0 && off < size {
				text, _, _ := strings.Cut(string(b[store+off:store+size]), "\x00")
				tags[binary.BigEndian.Uint32(e)] = text
			}
		}
		return tags, store + size, true
	}
	if len(b) < 96 || string(b[:4]) != "\xed\xab\xee\xdb" {
		return "", "", bad
	}
	_, end, ok := header(96)
	if !ok {
		return "", "", bad
	}
	tags, _, ok := header((end + 7) / 8 * 8)
	if !ok || tags[1000] == "" {
		return "", "", bad
	}
	return tags[1000], tags[1001], nil
}
