// This file cuts an image into downloads.

package image

import (
	"fmt"
	"iter"
	"math"
	"sort"

	"github.com/zarya-station/zarya/flash/image/sparse"
)

// Form is how an image goes over the wire.
type Form int

// The forms.
const (
	Raw       Form = iota // the expanded bytes, in one download
	Sparse                // one or more sparse images
	RawChunks             // sparse images without FILL, which some bootloaders do not know
)

func (f Form) String() string {
	switch f {
	case Raw:
		return "raw"
	case RawChunks:
		return "sparse, RAW chunks only"
	case Sparse:
	}
	return "sparse"
}

// maxPieces bounds the plan that a device can ask for with an absurd limit.
const maxPieces = 1 << 16

type planKey struct {
	max  int64
	form Form
}

// Pieces is the plan for one max-download-size. It never changes.
type Pieces struct {
	pieces []Piece
	wire   int64
}

// Len is the number of pieces.
func (p *Pieces) Len() int { return len(p.pieces) }

// At is the i-th piece.
func (p *Pieces) At(i int) Piece { return p.pieces[i] }

// WireBytes is the size of all pieces together.
func (p *Pieces) WireBytes() int64 { return p.wire }

// Piece is one download: the image raw, or a sparse image of the whole size that
// writes the stretch [from, to) and leaves the rest as it is.
type Piece struct {
	im       *Image
	form     Form
	from, to int64 // whole blocks, but for the end of a raw image
	wire     int64
	expanded int64
	chunks   uint32
}

// Size is the number of bytes on the wire.
func (p Piece) Size() int64 { return p.wire }

// Expanded is the number of image bytes that the piece writes: data and fill.
func (p Piece) Expanded() int64 { return p.expanded }

// Pieces plans downloads of at most max bytes.
func (im *Image) Pieces(max int64, form Form) (*Pieces, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	key := planKey{max, form}
	if p := im.plans[key]; p != nil {
		return p, nil
	}
	var pieces []Piece
	var err error
	if form == Raw {
		pieces, err = im.planRaw(max)
	} else {
		pieces, err = im.planSparse(max, form)
	}
	if err != nil {
		return nil, err
	}
	p := &Pieces{pieces: pieces}
	for _, piece := range pieces {
		p.wire += piece.wire
	}
	im.plans[key] = p
	return p, nil
}

// fitsRaw says why an image cannot go as one raw download.
func (im *Image) fitsRaw(max int64) error {
	for _, e := range im.index.Extents {
		if e.Kind == DontCare {
			return &FormError{im.path, fmt.Sprintf(
				"cannot be sent raw: at byte %d it leaves %d bytes as they are on the tablet, which only a sparse image can say", e.Offset, e.Length)}
		}
	}
	if im.index.Size > max {
		return &LimitError{im.path, max, fmt.Sprintf("the image needs %d in one piece to be sent raw", im.index.Size)}
	}
	return nil
}

func (im *Image) planRaw(max int64) ([]Piece, error) {
	if err := im.fitsRaw(max); err != nil {
		return nil, err
	}
	return []Piece{{im: im, form: Raw, to: im.index.Size, wire: im.index.Size, expanded: im.index.Size}}, nil
}

func (im *Image) planSparse(max int64, form Form) ([]Piece, error) {
	if im.padded()/im.index.Block > math.MaxUint32 {
		return nil, &FormError{im.path, fmt.Sprintf("%d blocks of %d bytes are more than a sparse image can count", im.padded()/im.index.Block,
			im.index.Block)}
	}
	var pieces []Piece
	for next := int64(0); ; {
		p := Piece{im: im, form: form, from: im.content(next)}
		if p.from == im.index.Size && len(pieces) > 0 {
			return pieces, nil
		}
		if p.to = im.cut(p.from, max, form); p.to == p.from && p.from < im.index.Size {
			return nil, &LimitError{im.path, max, fmt.Sprintf("not enough for one block of %d bytes and its headers", im.index.Block)}
		}
		p.wire = sparse.HeaderSize
		for c := range p.parts() {
			p.chunks++
			p.wire += c.wire()
			if c.Kind != DontCare {
				p.expanded += min(c.end(), im.index.Size) - c.Offset
			}
		}
		if p.wire > max {
			return nil, &LimitError{im.path, max, "not enough for the headers of a sparse image"}
		}
		if pieces = append(pieces, p); len(pieces) > maxPieces {
			return nil, &LimitError{im.path, max, fmt.Sprintf("so small that the image falls into more than %d pieces", maxPieces)}
		}
		next = p.to
		if p.from == im.index.Size { // nothing but don't-care: one piece says so
			return pieces, nil
		}
	}
}

// padded is the size in whole blocks.
func (im *Image) padded() int64 { return roundUp(im.index.Size, im.index.Block) }

// at is the index of the extent that holds off.
func (im *Image) at(off int64) int {
	return sort.Search(len(im.index.Extents), func(i int) bool { return im.index.Extents[i].end() > off })
}

// content is the first offset from off on that is written; Size if there is none.
func (im *Image) content(off int64) int64 {
	for _, e := range im.index.Extents[im.at(off):] {
		if e.Kind != DontCare {
			return max(off, e.Offset)
		}
	}
	return im.index.Size
}

// cut finds how far a piece that starts to write at from can go.
func (im *Image) cut(from, limit int64, form Form) int64 {
	to, used := from, sparse.HeaderSize+im.cost(Extent{Kind: DontCare, Length: from})
	for _, e := range im.index.Extents[im.at(from):] {
		if e.Kind == DontCare {
			continue
		}
		if e = e.clip(from, im.index.Size).as(form); e.end() == im.index.Size {
			e.Length = im.padded() - e.Offset
		}
		gap := im.cost(Extent{Kind: DontCare, Length: e.Offset - to})
		rest := im.cost(Extent{Kind: DontCare, Length: im.padded() - e.end()})
		if all := used + gap + im.cost(e); all+rest <= limit {
			to, used = min(e.end(), im.index.Size), all
			continue
		}
		if e.Kind != Fill {
			room := limit - used - gap - im.cost(Extent{Kind: DontCare, Length: im.padded() - e.Offset})
			room -= sparse.ChunkHeaderSize * (1 + room/sparse.MaxBody(im.index.Block))
			if room >= im.index.Block {
				return e.Offset + room/im.index.Block*im.index.Block
			}
		}
		break
	}
	return to
}

// clip is the part of e within [from, to).
func (e Extent) clip(from, to int64) Extent {
	if skip := from - e.Offset; skip > 0 {
		e.Offset, e.FileOffset, e.Length = from, e.FileOffset+skip, e.Length-skip
	}
	e.Length = min(e.Length, to-e.Offset)
	return e
}

// written is a fill whose every byte goes over the wire.
const written Kind = -1

// as is e in the chunks that a form has.
func (e Extent) as(form Form) Extent {
	if form == RawChunks && e.Kind == Fill {
		e.Kind = written
	}
	return e
}

// cost is what e takes on the wire as chunks.
func (im *Image) cost(e Extent) (n int64) {
	for c := range im.split(e) {
		n += c.wire()
	}
	return n
}

// wire is what one chunk takes on the wire.
func (e Extent) wire() int64 {
	switch e.Kind {
	case Data, written:
		return sparse.ChunkHeaderSize + e.Length
	case Fill:
		return sparse.ChunkHeaderSize + 4
	case DontCare:
	}
	return sparse.ChunkHeaderSize
}

// split cuts an extent of whole blocks into chunks of less than 4 GiB. Only RAW
// has to be, but old bootloaders count all of them in 32 bits.
func (im *Image) split(e Extent) iter.Seq[Extent] {
	return func(yield func(Extent) bool) {
		for at, end, most := e.Offset, e.end(), sparse.MaxBody(im.index.Block); at < end; at += most {
			if !yield(e.clip(at, min(end, at+most))) {
				return
			}
		}
	}
}

// parts are the chunks of a sparse piece. They cover the whole image, the last
// block made whole.
func (p Piece) parts() iter.Seq[Extent] {
	return func(yield func(Extent) bool) {
		im, done := p.im, int64(0)
		emit := func(e Extent) bool {
			for c := range im.split(e) {
				if !yield(c) {
					return false
				}
			}
			return true
		}
		for i := im.at(p.from); i < len(im.index.Extents) && im.index.Extents[i].Offset < p.to; i++ {
			e := im.index.Extents[i].clip(p.from, p.to).as(p.form)
			if e.Kind == DontCare {
				continue
			}
			if e.end() == im.index.Size {
				e.Length = im.padded() - e.Offset
			}
			if !emit(Extent{Kind: DontCare, Offset: done, Length: e.Offset - done}) || !emit(e) {
				return
			}
			done = e.end()
		}
		emit(Extent{Kind: DontCare, Offset: done, Length: im.padded() - done})
	}
}
