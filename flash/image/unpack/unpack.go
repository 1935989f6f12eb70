// Package unpack takes an image out of what it comes in: a compressor, an archive, or one
// in the other.
//
// What a file is, its first bytes say ([Of]); where they say nothing, its name may
// ([Refuse]). [File.Images] goes through the layers, four at most, and hands the image
// that is innermost to the caller as a stream. What a layer has for a check (CRC-32 of
// zip, gzip and lz4, the checks of xz and zstd, both CRCs of UPDATE.APP, SHA-256 of
// payload.bin) is compared before the stream ends. What is neither an image nor unpacked
// here is refused with what it is and what to do: raw is raw only if nothing says
// otherwise, or the user does.
package unpack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/zarya-station/zarya/internal/ctxio"
)

const (
	maxDepth   = 4
	maxMembers = 1 << 16
	maxWindow  = 256 << 20 // bytes that a compressor may look back
)

// File says which image to take out of a file, and how.
type File struct {
	File   *os.File
	Size   int64
	Name   string // as the user wrote it, for messages
	Member string // of the archive, and of those in it; "" is the only one
	AsIs   bool   // do not unpack what is only compressed
	Raw    bool   // the file, or the member, is the image, whatever it looks like
	Piece  bool   // the file is a piece of an image, and may be called so
	NoSum  bool   // no digest is wanted
	Limit  int64  // bytes of the image
	Temp   string // the folder for what must be unpacked to be read; "": the system's
}

// unpacker takes one image out of a file.
type unpacker struct {
	File
	ctx   context.Context
	sum   hash.Hash
	to    func(r io.Reader) error // takes the image, or one piece after the other
	close []func()
}

// Images unpacks, and gives the image to take: once, or several times if it comes in
// pieces. The digest is of the file, or of the member that was named.
func (f File) Images(ctx context.Context, take func(r io.Reader) error) (digest []byte, err error) {
	u := &unpacker{File: f, ctx: ctx, to: take}
	defer func() {
		for _, c := range u.close {
			c()
		}
	}()
	if u.sum = sha256.New(); u.NoSum {
		u.sum = nothing{}
	}
	if _, err := u.File.File.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, min(HeadSize, f.Size))
	if _, err := u.File.File.ReadAt(head, 0); err != nil {
		return nil, err
	}
	whole := io.NewSectionReader(u.File.File, 0, f.Size)
	if kind := Of(head); kind == Zip || kind == App || kind == Payload { // read by place, not in one stream
		if err := u.open(input{at: whole}, 0, f.Member, f.Name); err != nil {
			return nil, err
		}
		if f.Member == "" && !u.NoSum {
			_, err = io.Copy(u.sum, ctxio.Reader{Context: u.ctx, R: io.NewSectionReader(u.File.File, 0, f.Size)})
		}
		return u.sum.Sum(nil), err
	}
	r := io.Reader(ctxio.Reader{Context: u.ctx, R: u.File.File})
	if f.Member == "" {
		r = io.TeeReader(r, u.sum)
	}
	b := bufio.NewReaderSize(r, 1<<20)
	if err := u.open(input{b: b}, 0, f.Member, f.Name); err != nil {
		return nil, err
	}
	if f.Member == "" { // what a decoder left
		n, err := io.Copy(io.Discard, b)
		if err != nil {
			return nil, err
		}
		if n > 0 && Of(head) != Tar {
			return nil, fmt.Errorf("%d bytes follow the compressed data", n)
		}
	}
	return u.sum.Sum(nil), nil
}

// nothing is a hash of nothing.
type nothing struct{ hash.Hash }

func (nothing) Write(p []byte) (int, error) { return len(p), nil }
func (nothing) Sum([]byte) []byte           { return nil }

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

// input is one layer's bytes: a stream, or, where they lie open, by place.
type input struct {
	b  *bufio.Reader
	at *io.SectionReader // nil: only the stream
}

// stream is the input as a stream.
func (in *input) stream() *bufio.Reader {
	if in.b == nil {
		in.b = bufio.NewReaderSize(in.at, 256<<10)
	}
	return in.b
}

// head is the first bytes, and whether that is all.
func (in *input) head() (head []byte, whole bool, err error) {
	if in.at != nil && in.b == nil {
		head = make([]byte, min(HeadSize, in.at.Size()))
		_, err = in.at.ReadAt(head, 0)
		return head, in.at.Size() <= HeadSize, err
	}
	head, err = in.b.Peek(HeadSize)
	if errors.Is(err, io.EOF) {
		return head, true, nil
	}
	return head, false, err
}

// placed makes the input readable by place: what is only a stream is copied to a file
// without a name.
func (u *unpacker) placed(in *input) (*io.SectionReader, error) {
	if in.at != nil && in.b == nil {
		return in.at, nil
	}
	f, err := os.CreateTemp(u.Temp, "part-")
	if err != nil {
		return nil, err
	}
	u.close = append(u.close, func() { _ = f.Close() })
	if err := os.Remove(f.Name()); err != nil {
		return nil, err
	}
	n, err := io.Copy(f, &bounded{r: ctxio.Reader{Context: u.ctx, R: in.b}, left: u.Limit, limit: u.Limit})
	return io.NewSectionReader(f, 0, n), err
}

// open goes through one layer of packing; name is what the layer is called.
func (u *unpacker) open(in input, depth int, member, name string) error {
	head, whole, err := in.head()
	if err != nil {
		return err
	}
	kind := Of(head)
	if u.Raw && member == "" {
		kind = Plain
	}
	if depth > 0 && u.AsIs && member == "" && !kind.Archive() {
		kind = Plain
	}
	if depth > maxDepth {
		return errors.New("it is packed more than four times over")
	}
	switch kind {
	case Plain:
		return u.image(&in, head, whole, member, name)
	case Zip, Payload:
		at, err := u.placed(&in)
		if err == nil && kind == Zip {
			err = u.zip(at, depth, member)
		} else if err == nil {
			err = u.payload(at, depth, member)
		}
		return err
	case Tar:
		return u.tar(in.stream(), depth, member)
	case App:
		if in.at != nil && in.b == nil {
			return u.app(in.at, depth, member)
		}
		return u.app(in.stream(), depth, member)
	case Zstd, XZ, Gzip, LZ4:
	}
	inner, err := u.decoder(kind, in.stream(), head)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	unpacked := bufio.NewReaderSize(&ending{r: inner}, 256<<10)
	if err = u.open(input{b: unpacked}, depth+1, member, without(name)); err == nil {
		_, err = io.Copy(io.Discard, unpacked) // the padding of a tar; sums at the end
	}
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	return nil
}

// image hands on what is not packed.
func (u *unpacker) image(in *input, head []byte, whole bool, member, name string) error {
	if member != "" {
		return &Error{fmt.Sprintf("is not an archive, so there is no %s in it", member), "check the name"}
	}
	if u.Piece {
		name = ""
	}
	if !u.Raw {
		if err := Refuse(head, whole, name); err != nil {
			return err
		}
	}
	return u.to(&bounded{r: in.stream(), left: u.Limit, limit: u.Limit})
}

// decoder undoes a compressor.
func (u *unpacker) decoder(kind Packing, b *bufio.Reader, head []byte) (io.Reader, error) {
	switch kind {
	case Zstd:
		d, err := zstd.NewReader(b, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		u.close = append(u.close, d.Close)
		return d, nil
	case Gzip:
		return gzip.NewReader(b)
	case LZ4:
		return u.lz4(b)
	default:
		return u.xz(b, head)
	}
}

func (u *unpacker) lz4(b *bufio.Reader) (io.Reader, error) {
	d := lz4.NewReader(b)
	return d, d.Apply(lz4.ConcurrencyOption(runtime.GOMAXPROCS(0)))
}

// bounded fails when an image becomes longer than there is room for.
type bounded struct {
	r           io.Reader
	left, limit int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &Error{fmt.Sprintf("unpacks to more than %d bytes, all that the image cache may take", b.limit),
			"give it more (ZARYA_CACHE_SIZE)"}
	}
	return n, err
}
