// This file makes a partition's image by the operations of a payload.

package payload

import (
	"bytes"
	"compress/bzip2"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/ulikunitz/xz"

	"github.com/zarya-station/zarya/flash/image/xzinfo"
)

// What an operation does (InstallOperation.Type); all others need what is on the tablet.
const (
	replace   = 0
	replaceBZ = 1
	zero      = 6
	discard   = 7
	replaceXZ = 8
)

// Extract writes the image of a partition to w, as one stream, and compares its SHA-256.
func (p *Payload) Extract(ctx context.Context, name string, w io.Writer) error {
	i := slices.IndexFunc(p.Partitions, func(part Partition) bool { return part.Name == name })
	if i < 0 {
		return bad("there is no partition %s in it", name)
	}
	part := p.Partitions[i]
	ops, err := p.ordered(&part)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sum := sha256.New()
	out, left := io.MultiWriter(w, sum), part.Size
	// Operations are unpacked side by side, and written in order.
	type result struct {
		b   []byte
		err error
	}
	ahead := make(chan chan result, max(2, runtime.GOMAXPROCS(0)))
	go func() {
		defer close(ahead)
		for _, op := range ops {
			done := make(chan result, 1)
			select {
			case ahead <- done:
			case <-ctx.Done():
				return
			}
			go func() {
				b, err := p.make(op)
				done <- result{b, err}
			}()
		}
	}()
	defer func() { // what was begun ends
		cancel()
		for done := range ahead {
			<-done
		}
	}()
	for k := 0; ; k++ {
		done, more := <-ahead
		if !more {
			break
		}
		made := <-done
		if made.err != nil {
			return fmt.Errorf("%s, operation %d: %w", name, k, made.err)
		}
		n := min(left, ops[k].to[0].count*p.block)
		left -= n
		if made.b != nil {
			_, err = out.Write(made.b[:min(n, int64(len(made.b)))])
		} else {
			_, err = io.CopyN(out, zeros{}, n)
		}
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !bytes.Equal(sum.Sum(nil), part.hash) {
		return bad("%s has the SHA-256 %x, the manifest says %x: copy or download it again", name, sum.Sum(nil), part.hash)
	}
	return nil
}

// ordered returns the operations of a partition in the order of its blocks, each with one
// extent, which cover all of it.
func (p *Payload) ordered(part *Partition) ([]operation, error) {
	ops := slices.Clone(part.ops)
	for i, op := range ops {
		switch {
		case op.kind != replace && op.kind != replaceBZ && op.kind != replaceXZ && op.kind != zero && op.kind != discard:
			if op.kind > 13 {
				return nil, bad("%s, operation %d: type %d is not known: unpack it with the tools of the Android release that made it",
					part.Name, i, op.kind)
			}
			return nil, ErrIncremental
		case len(op.to) != 1:
			return nil, bad("%s, operation %d writes to %d places: that is no full update", part.Name, i, len(op.to))
		}
	}
	slices.SortFunc(ops, func(a, b operation) int { return int(min(max(a.to[0].start-b.to[0].start, -1), 1)) })
	at := int64(0)
	for _, op := range ops {
		if op.to[0].start != at {
			return nil, bad("%s: at block %d there are no data, or twice: that is no full update", part.Name, at)
		}
		if at += op.to[0].count; at > 1<<40 {
			return nil, bad("%s: more than %d blocks", part.Name, at)
		}
	}
	if have := at * p.block; have < part.Size || have-part.Size >= p.block {
		return nil, bad("%s has %d bytes, its operations make %d", part.Name, part.Size, have)
	}
	return ops, nil
}

// make returns the bytes that an operation writes; nil is zeros.
func (p *Payload) make(op operation) ([]byte, error) {
	if op.kind == zero || op.kind == discard {
		return nil, nil
	}
	want := op.to[0].count * p.block
	if op.size > maxData || want > maxData {
		return nil, bad("%d bytes for %d are too many for one operation", op.size, want)
	}
	data := make([]byte, op.size)
	if _, err := p.r.ReadAt(data, p.data+op.offset); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); len(op.hash) > 0 && !bytes.Equal(sum[:], op.hash) {
		return nil, bad("its data have another SHA-256 than the manifest says: copy or download it again")
	}
	var r io.Reader = bytes.NewReader(data)
	switch op.kind {
	case replaceBZ:
		r = bzip2.NewReader(r)
	case replaceXZ:
		if dict := xzinfo.Dictionary(data); dict > maxData {
			return nil, bad("its data need %d bytes of memory to unpack", dict)
		}
		x, err := xz.NewReader(r)
		if err != nil {
			return nil, bad("%v", err)
		}
		r = x
	}
	b, err := io.ReadAll(io.LimitReader(r, want+1))
	if err != nil {
		return nil, bad("%v", err)
	}
	if int64(len(b)) != want {
		return nil, bad("its data unpack to %d bytes, not %d", len(b), want)
	}
	return b, nil
}

// zeros is a reader of zeros without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
