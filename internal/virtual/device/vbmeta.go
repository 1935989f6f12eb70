// This file is the content of the partition vbmeta: what a tablet is checked by before it
// boots.

package device

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
)

// VBMeta is what the bootloader knows of the partitions it starts: "AVB0", the
// length of what follows (32 bits, little-endian), and this as JSON.
type VBMeta struct {
	Version    string          `json:"version"`
	Partitions []VBMetaDigests `json:"partitions"`
}

// VBMetaDigests is the digest of one partition's written ranges.
type VBMetaDigests struct {
	Name   string     `json:"name"`
	Ranges [][2]int64 `json:"ranges"` // offset and length, bytes
	SHA256 string     `json:"sha256"` // of the ranges, one after the other
}

const vbmetaMagic = "AVB0"

// Bytes returns the partition's content, padded to whole blocks.
func (v VBMeta) Bytes() ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint32([]byte(vbmetaMagic), uint32(len(text)))
	b = append(b, text...)
	return append(b, make([]byte, (4096-len(b)%4096)%4096)...), nil
}

// ParseVBMeta reads the partition's content.
func ParseVBMeta(b []byte) (VBMeta, error) {
	invalid := errors.New("vbmeta is invalid")
	if len(b) < 8 || !bytes.HasPrefix(b, []byte(vbmetaMagic)) {
		return VBMeta{}, invalid
	}
	n := int64(binary.LittleEndian.Uint32(b[4:]))
	if n > int64(len(b))-8 {
		return VBMeta{}, invalid
	}
	var v VBMeta
	if err := json.Unmarshal(b[8:8+n], &v); err != nil || len(v.Partitions) == 0 {
		return VBMeta{}, invalid
	}
	return v, nil
}
