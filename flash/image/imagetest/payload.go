// This file makes the payload.bin of Android updates.

package imagetest

import (
	"crypto/sha256"
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// Op is an operation of a payload: Count blocks of 4096 bytes from Start.
type Op struct {
	Kind         uint64 // InstallOperation.Type
	Start, Count uint64
	Data         []byte
	Hash         []byte // nil: of Data
	More         bool   // a second extent
}

// Partition is one image of a payload.
type Partition struct {
	Name string
	Size uint64
	Hash []byte
	Ops  []Op
}

func field(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func bytesField(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// Payload writes a payload.bin with a signature that is nobody's, by the fields of
// update_metadata.proto.
func Payload(minor uint64, parts ...Partition) []byte {
	manifest, data := field(nil, 3, 4096), []byte(nil)
	manifest = field(manifest, 12, minor)
	manifest = field(manifest, 14, 1700000000) // max_timestamp: not of interest
	for _, p := range parts {
		b := bytesField(nil, 1, []byte(p.Name))
		b = bytesField(b, 7, bytesField(field(nil, 1, p.Size), 2, p.Hash))
		for _, o := range p.Ops {
			m := field(nil, 1, o.Kind)
			if o.Data != nil {
				m = field(field(m, 2, uint64(len(data))), 3, uint64(len(o.Data)))
				data = append(data, o.Data...)
				if o.Hash == nil {
					sum := sha256.Sum256(o.Data)
					o.Hash = sum[:]
				}
				m = bytesField(m, 8, o.Hash)
			}
			m = bytesField(m, 6, field(field(nil, 1, o.Start), 2, o.Count))
			if o.More {
				m = bytesField(m, 6, field(field(nil, 1, o.Start+o.Count+7), 2, 1))
			}
			b = bytesField(b, 8, m)
		}
		manifest = bytesField(manifest, 13, b)
	}
	const signature = "a signature that is not ours to check"
	head := binary.BigEndian.AppendUint64([]byte("CrAU"), 2)
	head = binary.BigEndian.AppendUint64(head, uint64(len(manifest)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(signature)))
	return append(append(append(head, manifest...), signature...), data...)
}
