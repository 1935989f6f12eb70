// Package payload takes images out of the payload.bin of an Android update (A/B, or
// virtual A/B).
//
// The file is a header, a protobuf message that says how each partition is made, and the
// data for it (AOSP system/update_engine: update_metadata.proto, payload_metadata.cc). A
// full update makes each partition anew from data that is in the file, in the order of
// its blocks. An incremental one changes partitions that are there; it is recognised, and
// refused. Whatever the file says is checked before it is used, and the SHA-256 of every
// operation and of every partition is compared.
package payload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// Magic begins a payload.
const Magic = "CrAU"

const (
	maxManifest = 64 << 20
	maxData     = 64 << 20 // of one operation, packed or not; AOSP makes 2 MiB
	maxParts    = 1 << 10
	maxOps      = 1 << 20
)

// FormatError says why a payload cannot be used.
type FormatError struct{ What string }

func (e *FormatError) Error() string { return "payload.bin: " + e.What }

func bad(format string, args ...any) error { return &FormatError{fmt.Sprintf(format, args...)} }

// ErrIncremental means that a payload changes a system that is there.
var ErrIncremental = errors.New("payload.bin: is an incremental update, which only changes the system that it was made for: " +
	"take the full update (OTA) of the same version")

// Payload is a payload whose manifest was read.
type Payload struct {
	r          io.ReaderAt
	size       int64
	data       int64 // where the data of the operations begins
	block      int64
	Partitions []Partition // in the order of the file
}

// Partition is one partition.
type Partition struct {
	Name string
	Size int64
	hash []byte // SHA-256
	ops  []operation
}

// operation makes a run of blocks.
type operation struct {
	kind         uint64
	offset, size int64  // of its data
	hash         []byte // SHA-256 of its data
	to           []extent
}

type extent struct{ start, count int64 }

// Open reads the manifest of a payload.
func Open(r io.ReaderAt, size int64) (*Payload, error) {
	head := make([]byte, 24)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, bad("the file ends inside its header")
	}
	version, length := binary.BigEndian.Uint64(head[4:]), binary.BigEndian.Uint64(head[12:])
	signature := int64(binary.BigEndian.Uint32(head[20:]))
	switch {
	case string(head[:4]) != Magic:
		return nil, bad("it does not begin with %s", Magic)
	case version != 2:
		return nil, bad("version %d is not known, only 2", version)
	case length > maxManifest || int64(length)+signature > size-24:
		return nil, bad("a manifest of %d bytes in a file of %d: it is damaged or cut off", length, size)
	}
	manifest := make([]byte, length)
	if _, err := r.ReadAt(manifest, 24); err != nil {
		return nil, fmt.Errorf("payload.bin: %w", err)
	}
	p := &Payload{r: r, size: size, data: 24 + int64(length) + signature, block: 4096}
	if err := p.parse(manifest); err != nil {
		return nil, err
	}
	return p, nil
}

// message calls field for every field of a protobuf message, with its number and its
// value, and ignores what it does not know.
func message(b []byte, number func(field protowire.Number, v uint64) error, bytes func(field protowire.Number, v []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return bad("manifest: %v", protowire.ParseError(n))
		}
		b = b[n:]
		var err error
		switch kind {
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 && number != nil {
				err = number(field, v)
			}
		case protowire.BytesType:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 && bytes != nil {
				err = bytes(field, v)
			}
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return bad("manifest: %v", protowire.ParseError(n))
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// parse reads a DeltaArchiveManifest.
func (p *Payload) parse(manifest []byte) error {
	incremental := false
	var parts [][]byte
	err := message(manifest, func(field protowire.Number, v uint64) error {
		switch field { //nolint:exhaustive // fields of a message, not the numbers of the package
		case 3: // block_size
			if v < 512 || v > 1<<20 || v&(v-1) != 0 {
				return bad("manifest: blocks of %d bytes", v)
			}
			p.block = int64(v)
		case 12: // minor_version: 0 is a full update
			incremental = incremental || v != 0
		case 16: // partial_update
			incremental = incremental || v != 0
		}
		return nil
	}, func(field protowire.Number, v []byte) error {
		if field == 13 {
			parts = append(parts, v)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(parts) == 0 || len(parts) > maxParts {
		return bad("manifest: %d partitions", len(parts))
	}
	seen := map[string]bool{}
	for _, b := range parts {
		part, err := p.partition(b)
		if err != nil {
			return err
		}
		if seen[part.Name] {
			return bad("manifest: partition %s is there twice", part.Name)
		}
		seen[part.Name] = true
		p.Partitions = append(p.Partitions, *part)
	}
	if incremental {
		return ErrIncremental
	}
	return nil
}

// partition reads a PartitionUpdate.
func (p *Payload) partition(b []byte) (*Partition, error) {
	part := &Partition{}
	err := message(b, nil, func(field protowire.Number, v []byte) (err error) {
		switch field { //nolint:exhaustive // fields of a message, not the numbers of the package
		case 1:
			part.Name = string(v)
		case 7: // new_partition_info
			err = message(v, func(field protowire.Number, v uint64) error {
				if field == 1 {
					part.Size = int64(v) //nolint:gosec // checked below
				}
				return nil
			}, func(field protowire.Number, v []byte) error {
				if field == 2 {
					part.hash = v
				}
				return nil
			})
		case 8:
			if len(part.ops) == maxOps {
				return bad("manifest: more than %d operations", maxOps)
			}
			var op operation
			op, err = p.operation(v)
			part.ops = append(part.ops, op)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case !plainName(part.Name):
		return nil, bad("manifest: %q cannot be a partition", part.Name)
	case part.Size <= 0 || part.Size > 1<<46:
		return nil, bad("manifest: %s has %d bytes", part.Name, part.Size)
	case len(part.hash) != 32:
		return nil, bad("manifest: %s has no SHA-256", part.Name)
	}
	return part, nil
}

func plainName(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64 && s != "." && s != ".."
}

// operation reads an InstallOperation.
func (p *Payload) operation(b []byte) (op operation, err error) {
	err = message(b, func(field protowire.Number, v uint64) error {
		switch field { //nolint:exhaustive // fields of a message, not the numbers of the package
		case 1:
			op.kind = v
		case 2:
			op.offset = int64(v) //nolint:gosec // checked below
		case 3:
			op.size = int64(v) //nolint:gosec // checked below
		}
		return nil
	}, func(field protowire.Number, v []byte) error {
		switch field { //nolint:exhaustive // fields of a message, not the numbers of the package
		case 6: // dst_extents
			var e extent
			err := message(v, func(field protowire.Number, v uint64) error {
				switch field { //nolint:exhaustive // fields of a message, not the numbers of the package
				case 1:
					e.start = int64(v) //nolint:gosec // checked below
				case 2:
					e.count = int64(v) //nolint:gosec // checked below
				}
				return nil
			}, nil)
			if err != nil {
				return err
			}
			if e.start < 0 || e.count <= 0 || e.start > 1<<40 || e.count > 1<<40 {
				return bad("manifest: blocks from %d on, %d of them", e.start, e.count)
			}
			if n := len(op.to); n > 0 && op.to[n-1].start+op.to[n-1].count == e.start {
				op.to[n-1].count += e.count
				return nil
			}
			op.to = append(op.to, e)
		case 8:
			op.hash = v
		}
		return nil
	})
	if err == nil && (op.offset < 0 || op.size < 0 || op.offset > p.size || op.size > p.size-op.offset || p.data+op.offset+op.size > p.size) {
		err = bad("the file ends before the data of an operation: it is cut off")
	}
	return op, err
}
