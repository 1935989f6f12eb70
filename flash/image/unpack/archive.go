// This file reads archives whose members are images.

package unpack

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/zarya-station/zarya/flash/image/payload"
	"github.com/zarya-station/zarya/flash/image/updateapp"
	"github.com/zarya-station/zarya/internal/ctxio"
)

// zip takes a member out of a zip file.
func (u *unpacker) zip(at *io.SectionReader, depth int, member string) error {
	z, err := OpenZip(at, at.Size(), u.Name)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	m := members{want: member}
	var wanted *zip.File
	var inside string
	for _, f := range z.File {
		if f.FileInfo().IsDir() || strings.HasSuffix(f.Name, "\\") {
			continue
		}
		is, in, err := m.add(f.Name)
		if err != nil {
			return fmt.Errorf("zip: %w", err)
		}
		if is {
			wanted, inside = f, in
		}
	}
	if err := m.one(u.Name, wanted != nil); err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	name := Slashes(wanted.Name)
	if !wanted.Mode().IsRegular() {
		return &Error{fmt.Sprintf("zip: %s is a link or a device, not a file", name), untrusted}
	}
	r, err := OpenMember(wanted)
	if err != nil {
		return fmt.Errorf("zip: %s: %w", name, err)
	}
	defer func() { _ = r.Close() }()
	var open *io.SectionReader
	if offset, err := wanted.DataOffset(); err == nil && wanted.Method == zip.Store && inside != "" {
		open = io.NewSectionReader(at, offset, int64(wanted.UncompressedSize64)) //nolint:gosec // what is not there cannot be read
	}
	// Its length and CRC-32 are checked at its end.
	if err := u.take(ctxio.Reader{Context: u.ctx, R: r}, open, depth, inside, name); err != nil {
		return fmt.Errorf("zip: %s: %w", name, err)
	}
	return nil
}

// take is open for a member, whose digest is taken if it is the one that was named; at is
// the member where it lies open, or nil.
func (u *unpacker) take(r io.Reader, at *io.SectionReader, depth int, inside, name string) error {
	if at != nil {
		return u.open(input{at: at}, depth+1, inside, name)
	}
	if u.Member != "" && inside == "" {
		r = io.TeeReader(r, u.sum)
	}
	b := bufio.NewReaderSize(r, 256<<10)
	if err := u.open(input{b: b}, depth+1, inside, name); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, b)
	if err == nil && n > 0 && inside == "" {
		err = fmt.Errorf("%d bytes follow the compressed data", n)
	}
	return err
}

// app takes a record out of an UPDATE.APP; several of one name are pieces of one image.
// Its names are in capitals; SYSTEM is found as system, too.
func (u *unpacker) app(r io.Reader, depth int, member string) error {
	a, want := updateapp.NewReader(r), strings.ToUpper(member)
	m, found := members{want: want}, false
	for {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		name := strings.ToUpper(h.Name)
		is := name == want // a further piece
		if !m.seen[name] {
			is, _, err = m.add(name)
		}
		if want == "" && len(m.files) > 1 {
			continue // it is not clear which one is meant
		}
		is = is || want == "" && m.seen[name]
		if err == nil && is {
			found = true
			err = u.take(a, nil, depth, "", "")
		}
		if err != nil {
			return fmt.Errorf("UPDATE.APP: %w", err)
		}
	}
	if err := m.one(u.Name, found); err != nil {
		return fmt.Errorf("UPDATE.APP: %w", err)
	}
	return nil
}

// payload takes a partition's image out of an Android update.
func (u *unpacker) payload(at *io.SectionReader, depth int, member string) error {
	p, err := payload.Open(at, at.Size())
	if err != nil {
		return advised(err)
	}
	m, wanted := members{want: member}, ""
	for _, part := range p.Partitions {
		is, _, err := m.add(part.Name)
		if err != nil {
			return err
		}
		if is {
			wanted = part.Name
		}
	}
	if err := m.one(u.Name, wanted != "" && (member == "" || member == wanted)); err != nil {
		return fmt.Errorf("payload.bin: %w", err)
	}
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.CloseWithError(p.Extract(u.ctx, wanted, w))
	}()
	err = u.take(r, nil, depth, "", wanted)
	_ = r.Close()
	<-done
	if err != nil {
		return fmt.Errorf("payload.bin: %s: %w", wanted, advised(err))
	}
	return nil
}

// advised gives errors of a payload for which another download is no help their own
// advice.
func advised(err error) error {
	if errors.Is(err, payload.ErrIncremental) {
		return &Error{err.Error(), "or unpack it with the tools that apply such updates"}
	}
	return err
}

// tar takes a member out of a tar stream, and looks at all others.
func (u *unpacker) tar(r io.Reader, depth int, member string) error {
	t, m, found := tar.NewReader(r), members{want: member}, false
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("tar: %w", err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		is, inside, err := m.add(h.Name)
		if err == nil && is {
			if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
				return &Error{fmt.Sprintf("tar: %s is a link or a device, not a file", h.Name), untrusted}
			}
			found = true
			err = u.take(t, nil, depth, inside, h.Name)
		}
		if err == nil && member == "" && len(m.files) > 1 {
			break // there is no need to read on
		}
		if err != nil {
			return fmt.Errorf("tar: %w", err)
		}
	}
	if err := m.one(u.Name, found); err != nil {
		return fmt.Errorf("tar: %w", err)
	}
	return nil
}
