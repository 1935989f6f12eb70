// This file writes a piece of an image: headers, bytes of files, and what the kernel copies by itself.

package image

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

// WriteTo writes the piece. It fails with a *ChangedError if the file was changed
// before or meanwhile.
func (p Piece) WriteTo(w io.Writer) (int64, error) {
	if err := p.im.Unchanged(); err != nil {
		return 0, err
	}
	o := &out{w: w, im: p.im, buf: make([]byte, 0, headers)}
	defer o.drop()
	if p.im.store.own {
		o.files, _ = w.(FileSender)
	}
	if p.form == Raw {
		for _, e := range p.im.index.Extents {
			o.body(e)
		}
	} else {
		o.sparse(p)
	}
	o.flush()
	if o.err == nil && o.n != p.wire {
		o.err = fmt.Errorf("%s: a piece of %d bytes came out as %d", p.im.path, p.wire, o.n) // cannot happen
	}
	if o.err != nil {
		return o.n, o.err
	}
	return o.n, p.im.Unchanged()
}

// gathered are the buffers in which headers and bytes are gathered: one a tablet.
var gathered = sync.Pool{New: func() any { b := make([]byte, sendable); return &b }}

// FileSender is a writer to which the kernel can copy from a file by itself. Only
// prepared images go that way: another file could change between the digest and the
// wire.
type FileSender interface {
	// SendFile writes n bytes of f from off on. handled is false, and nothing was
	// written, if this writer cannot do it after all.
	SendFile(f *os.File, off, n int64) (handled bool, err error)
}

// sendable is the length from which on a stretch is not gathered, but sent by itself.
const sendable = 64 << 10

// headers is how many bytes of headers are gathered while the kernel copies all else.
const headers = 4 << 10

// out gathers headers and file bytes into larger writes. The buffer for bytes is taken when the
// first come: where the kernel copies all data, no tablet needs one.
type out struct {
	w     io.Writer
	files FileSender // nil: none
	im    *Image
	buf   []byte  // for headers alone, or large
	large *[]byte // nil: none was taken
	last  lastWindow
	n     int64
	err   error
}

// widen takes the buffer for bytes.
func (o *out) widen() {
	if o.large == nil {
		o.large = gathered.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
		o.buf = append((*o.large)[:0], o.buf...)
	}
}

func (o *out) drop() {
	if o.large != nil {
		gathered.Put(o.large)
	}
	o.last.drop()
}

func (o *out) sparse(p Piece) {
	block := p.im.index.Block
	o.room(sparse.HeaderSize)
	o.buf = sparse.AppendHeader(o.buf, sparse.Header{
		BlockSize: uint32(block), Blocks: uint32(p.im.padded() / block), Chunks: p.chunks}) //nolint:gosec // checked by planSparse
	for c := range p.parts() {
		o.room(sparse.ChunkHeaderSize + 4)
		blocks := uint32(c.Length / block) //nolint:gosec // split keeps it below
		switch c.Kind {
		case Data, written:
			o.buf = sparse.AppendChunk(o.buf, sparse.Raw, blocks, c.Length)
			pad := max(0, c.end()-p.im.index.Size)
			c.Length -= pad
			o.body(c)
			o.body(Extent{Kind: Fill, Length: pad})
		case Fill:
			o.buf = binary.LittleEndian.AppendUint32(sparse.AppendChunk(o.buf, sparse.Fill, blocks, 4), c.Fill)
		case DontCare:
			o.buf = sparse.AppendChunk(o.buf, sparse.DontCare, blocks, 0)
		}
		if o.err != nil {
			return
		}
	}
}

// body writes the expanded bytes of an extent.
func (o *out) body(e Extent) {
	if e.Kind == Data && o.files != nil && e.Length >= sendable {
		if o.flush(); o.err != nil {
			return
		}
		if o.sendFile(&e); o.err != nil || e.Length == 0 {
			return
		}
		o.files = nil
	}
	for at := int64(0); at < e.Length; {
		o.widen()
		if o.room(1); o.err != nil {
			return
		}
		used := len(o.buf)
		b := o.buf[used:min(int64(cap(o.buf)), int64(used)+e.Length-at)]
		if e.Kind == Data {
			if o.err = o.im.read(b, e.FileOffset+at, &o.last); o.err != nil {
				return
			}
		} else {
			repeat(b, e.Fill, at)
		}
		o.buf = o.buf[:used+len(b)]
		at += int64(len(b))
	}
}

// sendFile lets the kernel copy the data of e, a group at a time, each compared just
// before, and shortens e by what was sent.
func (o *out) sendFile(e *Extent) {
	for e.Length > 0 {
		n := min(e.Length, group-e.FileOffset%group)
		if o.err = o.im.store.compare(e.FileOffset, n); o.err != nil {
			return
		}
		handled, err := o.files.SendFile(o.im.store.file, e.FileOffset, n)
		if o.err = err; err != nil || !handled {
			return
		}
		o.n += n
		e.Offset, e.FileOffset, e.Length = e.Offset+n, e.FileOffset+n, e.Length-n
	}
}

// room makes sure that n more bytes fit the buffer.
func (o *out) room(n int) {
	if cap(o.buf)-len(o.buf) < n {
		o.flush()
	}
}

func (o *out) flush() {
	if o.err == nil && len(o.buf) > 0 {
		var n int
		n, o.err = o.w.Write(o.buf)
		o.n += int64(n)
	}
	o.buf = o.buf[:0]
}
