// This file is the hash that chains entries. It is a contract: docs/ledger.md,
// testdata/vectors.json.

package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// Digest returns SHA-256 over the fields, each after its length in eight bytes,
// big-endian.
func Digest(fields ...[]byte) [sha256.Size]byte {
	var b []byte
	for _, field := range fields {
		b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
		b = append(b, field...)
	}
	return sha256.Sum256(b)
}

// sum returns the digest over station, seq (decimal), ts, kind, body and the hash before.
func (e *Entry) sum() [sha256.Size]byte {
	return Digest([]byte(e.Station), strconv.AppendInt(nil, e.Seq, 10), []byte(e.TS), []byte(e.Kind), e.Body, e.Prev[:])
}
