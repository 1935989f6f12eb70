// This file takes an image out of what it is packed in: a compressor, an archive, or
// one in the other, recognised by their first bytes and not by their names.

package image

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"os/exec"
	"path"
	"runtime"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"github.com/zarya-station/zarya/flash/image/updateapp"
)

// packing is what a file is packed in.
type packing string

const (
	plain      packing = ""
	packedZstd packing = "zstd"
	packedXZ   packing = "xz"
	packedGzip packing = "gzip"
	packedLZ4  packing = "lz4"
	packedZip  packing = "zip"
	packedTar  packing = "tar"
	packedApp  packing = "UPDATE.APP"
)

// suffixes are the names that such files have.
var suffixes = map[packing][]string{
	packedZstd: {".zst", ".zstd"}, packedXZ: {".xz"}, packedGzip: {".gz"}, packedLZ4: {".lz4"},
}

const (
	headSize   = 512
	maxMembers = 1 << 16
	maxWindow  = 256 << 20 // bytes that a compressor may look back
)

// packed looks at the first bytes of a file. Formats: RFC 8878, xz-file-format 1.1,
// RFC 1952, lz4 Frame, APPNOTE 6.3, POSIX ustar.
func packed(head []byte) packing {
	starts := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	switch {
	case starts("\x28\xb5\x2f\xfd"), len(head) >= 4 && binary.LittleEndian.Uint32(head)&^0xf == 0x184d2a50: // a frame to skip comes first
		return packedZstd
	case starts("\xfd7zXZ\x00"):
		return packedXZ
	case starts("\x1f\x8b\x08"):
		return packedGzip
	case starts("\x04\x22\x4d\x18"):
		return packedLZ4
	case starts("PK\x03\x04"), starts("PK\x05\x06"):
		return packedZip
	case len(head) >= 262 && string(head[257:262]) == "ustar":
		return packedTar
	case bytes.HasPrefix(bytes.TrimLeft(head, "\x00"), []byte(updateapp.Magic)) && bytes.Index(head, []byte(updateapp.Magic))%4 == 0:
		return packedApp
	}
	return plain
}

func (p packing) archive() bool { return p == packedZip || p == packedTar || p == packedApp }

// AsIs tells that a file goes to a partition without being unpacked: a kernel or a RAM
// disk is often compressed, and is flashed so. Only a name that says it too, such as
// boot.img.gz, is unpacked. Archives always are.
func AsIs(partition, file string) bool {
	if !inBootChain(partition) {
		return false
	}
	for _, names := range suffixes {
		for _, s := range names {
			if strings.HasSuffix(strings.ToLower(file), s) {
				return false
			}
		}
	}
	return true
}

// unpacker takes one image out of a file.
type unpacker struct {
	ctx    context.Context
	file   *os.File
	size   int64
	member string // "" is the only one
	asIs   bool
	nosum  bool  // no digest is wanted
	limit  int64 // bytes of the image
	sum    hash.Hash
	to     func(r io.Reader) error // takes the image
	close  []func()
}

// run unpacks. The digest is of the file, or of the member that was named.
func (u *unpacker) run() (digest []byte, err error) {
	defer func() {
		for _, c := range u.close {
			c()
		}
	}()
	if u.sum = sha256.New(); u.nosum {
		u.sum = nothing{}
	}
	if _, err := u.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, headSize)
	n, err := u.file.ReadAt(head, 0)
	if n == 0 {
		return nil, err
	}
	kind := packed(head[:n])
	if kind == packedZip || kind == packedApp { // read by place, not in one stream
		read := u.zip
		if kind == packedApp {
			read = func() error { return u.app(io.NewSectionReader(u.file, 0, u.size), 0, u.member) }
		}
		if err := read(); err != nil {
			return nil, err
		}
		if u.member == "" && !u.nosum {
			_, err = io.Copy(u.sum, &interrupted{u.ctx, io.NewSectionReader(u.file, 0, u.size)})
		}
		return u.sum.Sum(nil), err
	}
	r := io.Reader(&interrupted{u.ctx, u.file})
	if u.member == "" {
		r = io.TeeReader(r, u.sum)
	}
	b := bufio.NewReaderSize(r, 1<<20)
	if err := u.open(b, 0, u.member); err != nil {
		return nil, err
	}
	if u.member == "" { // what a decoder left
		n, err := io.Copy(io.Discard, b)
		if err != nil {
			return nil, err
		}
		if n > 0 && kind != packedTar {
			return nil, fmt.Errorf("%d bytes follow the compressed data", n)
		}
	}
	return u.sum.Sum(nil), nil
}

// nothing is a hash of nothing.
type nothing struct{ hash.Hash }

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Sum([]byte) []byte           { return nil }

// interrupted is a reader that ends with its context.
type interrupted struct {
	ctx context.Context
	r   io.Reader
}

func (i *interrupted) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.r.Read(p)
}

// ending is a reader that goes on to say how it ended; not every decoder does.
type ending struct {
	r   io.Reader
	err error
}

func (e *ending) Read(p []byte) (n int, err error) {
	if e.err == nil {
		n, e.err = e.r.Read(p)
	}
	return n, e.err
}

// open goes through one layer of packing.
func (u *unpacker) open(b *bufio.Reader, depth int, member string) error {
	head, err := b.Peek(headSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	kind := packed(head)
	if depth > 0 && kind != plain && u.asIs && !kind.archive() {
		kind = plain
	}
	if depth > 4 {
		return errors.New("it is packed more than four times over")
	}
	var inner io.Reader
	switch kind {
	case plain:
		if member != "" {
			return fmt.Errorf("is not an archive, so there is no %s in it", member)
		}
		return u.to(&bounded{r: b, left: u.limit, limit: u.limit})
	case packedZip:
		return errors.New("is a zip inside another archive: take it out first")
	case packedTar:
		return u.tar(b, depth, member)
	case packedApp:
		return u.app(b, depth, member)
	case packedZstd:
		d, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return err
		}
		u.close = append(u.close, d.Close)
		inner = d
	case packedGzip:
		if inner, err = gzip.NewReader(b); err != nil {
			return err
		}
	case packedLZ4:
		d := lz4.NewReader(b)
		if err := d.Apply(lz4.ConcurrencyOption(runtime.GOMAXPROCS(0))); err != nil {
			return err
		}
		inner = d
	case packedXZ:
		if inner, err = u.xz(b, head); err != nil {
			return err
		}
	}
	unpacked := bufio.NewReaderSize(&ending{r: inner}, 256<<10)
	if err = u.open(unpacked, depth+1, member); err == nil {
		_, err = io.Copy(io.Discard, unpacked) // the padding of a tar; sums at the end
	}
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// bounded fails when an image becomes longer than there is room for.
type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("unpacks to more than %d bytes, all that the image cache may take (ZARYA_CACHE_SIZE)", b.limit)
	}
	return n, err
}

// xz runs the system's xz, which uses all processors on files of several blocks and is
// several times as fast on others; without one, our own reader does.
func (u *unpacker) xz(r io.Reader, head []byte) (io.Reader, error) {
	if dict := xzDictionary(head); dict > maxWindow {
		return nil, fmt.Errorf("needs %d bytes of memory to unpack; at most %d are given", dict, maxWindow)
	}
	program, err := exec.LookPath("xz")
	if err != nil || u.size < 1<<20 { // not worth a process
		return xz.NewReader(r)
	}
	ctx, cancel := context.WithCancel(u.ctx)
	cmd := exec.CommandContext(ctx, program, "--decompress", "--stdout", "--quiet", "--threads=0", "--memlimit-decompress=1GiB", "--memlimit-mt-decompress=512MiB") //nolint:gosec // the station's own xz
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = r, &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	p := &process{out: out, wait: cmd.Wait, said: &said}
	u.close = append(u.close, func() { cancel(); _ = p.end() })
	return p, nil
}

// process is the output of a program, whose failure is a failed read.
type process struct {
	out  io.Reader
	wait func() error
	said *bytes.Buffer
	over bool
	err  error
}

func (p *process) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err != nil {
		if ended := p.end(); ended != nil {
			err = ended
		}
	}
	return n, err
}

func (p *process) end() error {
	if p.over {
		return p.err
	}
	p.over = true
	if err := p.wait(); err != nil {
		text := p.said.String()
		if _, after, ok := strings.Cut(text[:min(len(text), 300)], "(stdin): "); ok {
			text = after
		}
		if text = strings.TrimSpace(text); text == "" {
			text = err.Error()
		}
		p.err = errors.New(text)
	}
	return p.err
}

// xzDictionary is what the first block of an xz file asks for, 0 if it cannot be read
// (xz-file-format 1.1, sections 3.1 and 5.3.1).
func xzDictionary(head []byte) int64 {
	if len(head) < 16 {
		return 0
	}
	b := head[12:]
	flags, b := b[1], b[2:]
	for range int(flags>>6&1) + int(flags>>7&1) { // sizes that may be there
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return 0
		}
		b = b[n:]
	}
	for range flags&3 + 1 {
		id, n := binary.Uvarint(b)
		if n <= 0 {
			return 0
		}
		size, m := binary.Uvarint(b[n:])
		if m <= 0 || size > uint64(len(b)-n-m) { //nolint:gosec // m is at most len(b)-n
			return 0
		}
		props := b[n+m:][:size]
		if id == 0x21 && size == 1 && props[0] <= 40 {
			bits := int64(props[0])
			return (2 | bits&1) << (bits/2 + 11)
		}
		b = b[n+m:][size:]
	}
	return 0
}

// members holds an archive to names that mean one thing each.
type members struct {
	want  string
	seen  map[string]bool
	files []string
}

// add says whether a member is the wanted one.
func (m *members) add(name string) (bool, error) {
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(name, "\\\x00") {
		return false, fmt.Errorf("has a member %q, a name that leads out of it: not to be trusted", name)
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	if m.seen[clean] {
		return false, fmt.Errorf("has two members %q: not to be trusted", clean)
	}
	if m.seen[clean] = true; len(m.seen) > maxMembers {
		return false, fmt.Errorf("has more than %d members", maxMembers)
	}
	m.files = append(m.files, clean)
	return m.want == clean || m.want == "" && len(m.files) == 1, nil
}

// one checks at the end that exactly one member was meant.
func (m *members) one(archive string) error {
	switch {
	case m.want != "" && !m.seen[m.want]:
		return fmt.Errorf("has no member %q; it has %s", m.want, listed(m.files))
	case len(m.files) == 0:
		return errors.New("is an archive without files")
	case m.want == "" && len(m.files) > 1:
		return fmt.Errorf("has %d members: name one, such as %s/%s; it has %s", len(m.files), archive, m.files[0], listed(m.files))
	}
	return nil
}

func listed(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// zip takes a member out of a zip file.
func (u *unpacker) zip() error {
	z, err := zip.NewReader(u.file, u.size)
	if err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	z.RegisterDecompressor(zip.Deflate, flate.NewReader)
	z.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderMaxWindow(maxWindow)))
	m := members{want: u.member}
	var wanted *zip.File
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		is, err := m.add(f.Name)
		if err != nil {
			return fmt.Errorf("zip: %w", err)
		}
		if is {
			wanted = f
		}
	}
	if err := m.one(u.file.Name()); err != nil {
		return fmt.Errorf("zip: %w", err)
	}
	if !wanted.Mode().IsRegular() || wanted.Flags&1 != 0 {
		return fmt.Errorf("zip: %s is encrypted or not a file", wanted.Name)
	}
	r, err := wanted.Open()
	if err != nil {
		return fmt.Errorf("zip: %s: %w", wanted.Name, err)
	}
	defer func() { _ = r.Close() }()
	if err := u.take(&interrupted{u.ctx, r}, 1); err != nil { // its length and CRC-32 are checked at its end
		return fmt.Errorf("zip: %s: %w", wanted.Name, err)
	}
	return nil
}

// take is open for a member, whose digest is taken if it was named.
func (u *unpacker) take(r io.Reader, depth int) error {
	if u.member != "" {
		r = io.TeeReader(r, u.sum)
	}
	b := bufio.NewReaderSize(r, 256<<10)
	if err := u.open(b, depth, ""); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, b)
	if err == nil && n > 0 {
		err = fmt.Errorf("%d bytes follow the compressed data", n)
	}
	return err
}

// app takes a record out of an UPDATE.APP. Its names are in capitals; SYSTEM is found as
// system, too.
func (u *unpacker) app(r io.Reader, depth int, member string) error {
	a, m := updateapp.NewReader(r), members{want: strings.ToUpper(member)}
	for {
		h, err := a.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		is, err := m.add(strings.ToUpper(h.Name))
		if err == nil && is {
			err = u.take(a, depth+1)
		}
		if err != nil {
			return fmt.Errorf("UPDATE.APP: %w", err)
		}
	}
	if err := m.one(u.file.Name()); err != nil {
		return fmt.Errorf("UPDATE.APP: %w", err)
	}
	return nil
}

// tar takes a member out of a tar stream, and looks at all others.
func (u *unpacker) tar(r io.Reader, depth int, member string) error {
	t, m := tar.NewReader(r), members{want: member}
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
		is, err := m.add(h.Name)
		if err == nil && is {
			if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
				return fmt.Errorf("tar: %s is a link or a device, not a file", h.Name)
			}
			err = u.take(t, depth+1)
		}
		if err == nil && member == "" && len(m.files) > 1 {
			break // there is no need to read on
		}
		if err != nil {
			return fmt.Errorf("tar: %w", err)
		}
	}
	if err := m.one(u.file.Name()); err != nil {
		return fmt.Errorf("tar: %w", err)
	}
	return nil
}
