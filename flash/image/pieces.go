// This file cuts an image into downloads.

package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

// Form is how an image goes over the wire.
type Form int

// The forms.
const (
	Raw    Form = iota // the expanded bytes, in one download
	Sparse             // one or more sparse images
)

// Policy chooses the form.
type Policy string

// The policies.
const (
	Auto   Policy = "auto"
	Always Policy = "always"
	Never  Policy = "never"
)

// ParsePolicy reads auto, always or never.
func ParsePolicy(s string) (Policy, error) {
	switch p := Policy(s); p {
	case Auto, Always, Never:
		return p, nil
	}
	return "", fmt.Errorf("%q is not one of auto, always, never", s)
}

// bootChain are partitions that are read before any file system is: their images
// are never turned into sparse ones.
var bootChain = []string{"boot", "init_boot", "vendor_boot", "kernel", "ramdisk", "recovery", "recovery_ramdisk", "dtb", "dtbo", "dto", "dts"}

func inBootChain(partition string) bool {
	p := strings.TrimSuffix(strings.TrimSuffix(partition, "_a"), "_b")
	if strings.HasPrefix(p, "vbmeta") || strings.HasSuffix(p, "_vbmeta") {
		return true
	}
	for _, b := range bootChain {
		if p == b {
			return true
		}
	}
	return false
}

// Choose says how im goes to a partition of a tablet whose downloads have at most
// max bytes; takesSparse says that the tablet wants sparse images there.
func Choose(policy Policy, partition string, im *Image, max int64, takesSparse bool) (Form, error) {
	if policy == "" {
		policy = Auto
	}
	rawErr := im.fitsRaw(max)
	switch {
	case policy == Never:
		return Raw, rawErr
	case inBootChain(partition):
		if rawErr != nil {
			return Raw, fmt.Errorf("%w, and boot images are never turned into sparse ones", rawErr)
		}
		return Raw, nil
	case policy == Always, im.format == FormatSparse, takesSparse, rawErr != nil:
		return Sparse, nil
	}
	return Raw, nil
}

// fitsRaw says why an image cannot go as one raw download.
func (im *Image) fitsRaw(max int64) error {
	if im.size > max {
		return fmt.Errorf("%s: %d bytes do not fit into one download of %d", im.path, im.size, max)
	}
	for _, e := range im.extents {
		if e.Kind == DontCare {
			return fmt.Errorf("%s: bytes marked don't-care cannot be sent raw", im.path)
		}
	}
	return nil
}

type planKey struct {
	max  int64
	form Form
}

// Pieces is the plan for one max-download-size. It is immutable.
type Pieces struct {
	pieces []Piece
	wire   int64
}

// Len is the number of pieces.
func (p *Pieces) Len() int { return len(p.pieces) }

// At is the i-th piece.
func (p *Pieces) At(i int) Piece { return p.pieces[i] }

// WireBytes is the size of all pieces.
func (p *Pieces) WireBytes() int64 { return p.wire }

// Piece is one download: the whole image raw, or a sparse image of its own that
// stands for the whole size and writes only its extents.
type Piece struct {
	im       *Image
	form     Form
	extents  []Extent // without don't-care
	size     int64
	expanded int64
}

// Size is the number of bytes on the wire.
func (p Piece) Size() int64 { return p.size }

// Expanded is the number of bytes that the piece writes to the partition.
func (p Piece) Expanded() int64 { return p.expanded }

// Pieces plans downloads of at most max bytes.
func (im *Image) Pieces(max int64, form Form) (*Pieces, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	key := planKey{max, form}
	if p := im.plans[key]; p != nil {
		return p, nil
	}
	p := &Pieces{}
	if form == Raw {
		if err := im.fitsRaw(max); err != nil {
			return nil, err
		}
		p.pieces = []Piece{{im: im, form: Raw, extents: im.extents, size: im.size, expanded: im.size}}
	} else if err := im.cut(p, max); err != nil {
		return nil, err
	}
	for _, piece := range p.pieces {
		p.wire += piece.size
	}
	im.plans[key] = p
	return p, nil
}

// A piece costs its header and, at both ends, up to one DONT_CARE chunk more
// than its extents; between extents there can be another.
const pieceOverhead = sparse.HeaderSize + sparse.ChunkSize

func (im *Image) cut(p *Pieces, max int64) error {
	max = min(max, 0xffffffff)
	if max < pieceOverhead+2*sparse.ChunkSize+im.block {
		return fmt.Errorf("%s: a download of %d bytes does not hold one block", im.path, max)
	}
	if im.blocks() > 0xffffffff {
		return fmt.Errorf("%s: %d blocks are more than a sparse image can count", im.path, im.blocks())
	}
	now := Piece{im: im, form: Sparse, size: pieceOverhead}
	end := int64(0) // where the last extent of this piece ends
	flush := func() {
		if len(now.extents) > 0 {
			now.size = now.wireSize()
			p.pieces = append(p.pieces, now)
		}
		now, end = Piece{im: im, form: Sparse, size: pieceOverhead}, 0
	}
	for _, e := range im.extents {
		for e.Kind != DontCare && e.Length > 0 {
			cost := int64(sparse.ChunkSize)
			if e.Offset > end {
				cost += sparse.ChunkSize
			}
			take := e.Length
			if e.Kind == Fill {
				cost += 4
			} else {
				take = min(take, (max-now.size-cost)/im.block*im.block)
			}
			if take <= 0 || now.size+cost > max {
				flush()
				continue
			}
			part := e
			part.Length = take
			now.extents = append(now.extents, part)
			now.expanded += take
			if now.size += cost; e.Kind == Data {
				now.size += roundUp(take, im.block)
			}
			end = e.Offset + take
			e.Offset += take
			e.FileOffset += take
			e.Length -= take
		}
	}
	flush()
	if len(p.pieces) == 0 {
		return fmt.Errorf("%s: the image writes nothing, it is all don't-care", im.path)
	}
	return nil
}

func roundUp(n, to int64) int64 { return (n + to - 1) / to * to }

func (im *Image) blocks() int64 { return roundUp(im.size, im.block) / im.block }

// wireSize is the exact size of a sparse piece.
func (p Piece) wireSize() int64 {
	n := int64(sparse.HeaderSize)
	end := int64(0)
	for _, e := range p.extents {
		if e.Offset > end {
			n += sparse.ChunkSize
		}
		n += sparse.ChunkSize
		if e.Kind == Data {
			n += roundUp(e.Length, p.im.block)
		} else {
			n += 4
		}
		end = e.Offset + e.Length
	}
	if roundUp(end, p.im.block) < p.im.blocks()*p.im.block {
		n += sparse.ChunkSize
	}
	return n
}

// buffers are the windows through which pieces are written.
var buffers = sync.Pool{New: func() any { b := make([]byte, 512<<10); return &b }}

// WriteTo writes the piece. It fails with a *ChangedError if the file is, before
// or after, not what was digested.
func (p Piece) WriteTo(w io.Writer) (int64, error) {
	if err := p.im.Unchanged(); err != nil {
		return 0, err
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b := &batch{w: w, buf: (*buf)[:0], im: p.im}
	if p.form == Raw {
		p.writeRaw(b)
	} else {
		p.writeSparse(b)
	}
	b.flush()
	if b.err != nil {
		return b.n, b.err
	}
	return b.n, p.im.Unchanged()
}

func (p Piece) writeRaw(b *batch) {
	for _, e := range p.extents {
		if e.Kind == Data {
			b.file(e.FileOffset, e.Length)
			continue
		}
		b.repeat(e.Fill, e.Length)
	}
}

func (p Piece) writeSparse(b *batch) {
	block := p.im.block
	var chunks uint32
	end := int64(0)
	for _, e := range p.extents {
		if e.Offset > end {
			chunks++
		}
		chunks++
		end = e.Offset + e.Length
	}
	end = roundUp(end, block)
	rest := p.im.blocks() - end/block
	if rest > 0 {
		chunks++
	}
	b.bytes(sparse.AppendHeader(nil, uint32(block), uint32(p.im.blocks()), chunks))
	var head [sparse.ChunkSize + 4]byte
	at := int64(0)
	for _, e := range p.extents {
		if e.Offset > at {
			b.bytes(sparse.AppendChunk(head[:0], sparse.DontCare, uint32((e.Offset-at)/block), 0))
		}
		length := roundUp(e.Length, block)
		if e.Kind == Data {
			b.bytes(sparse.AppendChunk(head[:0], sparse.Raw, uint32(length/block), uint32(length)))
			b.file(e.FileOffset, e.Length)
			b.repeat(0, length-e.Length)
		} else {
			h := sparse.AppendChunk(head[:0], sparse.Fill, uint32(length/block), 4)
			b.bytes(binary.LittleEndian.AppendUint32(h, e.Fill))
		}
		at = e.Offset + length
	}
	if rest > 0 {
		b.bytes(sparse.AppendChunk(head[:0], sparse.DontCare, uint32(rest), 0))
	}
}

// batch gathers small writes and file reads in one window.
type batch struct {
	w   io.Writer
	im  *Image
	buf []byte
	n   int64
	err error
}

func (b *batch) flush() {
	if b.err != nil || len(b.buf) == 0 {
		return
	}
	n, err := b.w.Write(b.buf)
	b.n += int64(n)
	b.err = err
	b.buf = b.buf[:0]
}

// room returns at most n bytes of free window, flushing if there are none.
func (b *batch) room(n int64) []byte {
	if len(b.buf) == cap(b.buf) {
		b.flush()
	}
	free := b.buf[len(b.buf):cap(b.buf)]
	return free[:min(n, int64(len(free)))]
}

func (b *batch) bytes(p []byte) {
	for len(p) > 0 && b.err == nil {
		n := copy(b.room(int64(len(p))), p)
		b.buf, p = b.buf[:len(b.buf)+n], p[n:]
	}
}

func (b *batch) file(off, n int64) {
	for n > 0 && b.err == nil {
		part := b.room(n)
		if _, err := b.im.file.ReadAt(part, off); err != nil {
			if errors.Is(err, io.EOF) {
				err = &ChangedError{b.im.path}
			}
			b.err = err
			return
		}
		b.buf = b.buf[:len(b.buf)+len(part)]
		off += int64(len(part))
		n -= int64(len(part))
	}
}

func (b *batch) repeat(word uint32, n int64) {
	var w [4]byte
	binary.LittleEndian.PutUint32(w[:], word)
	for phase := 0; n > 0 && b.err == nil; {
		part := b.room(n)
		for i := range part {
			part[i] = w[(phase+i)&3]
		}
		phase += len(part)
		b.buf = b.buf[:len(b.buf)+len(part)]
		n -= int64(len(part))
	}
}
