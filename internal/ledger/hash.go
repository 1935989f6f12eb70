// This file is the hash that chains entries. It is a contract: docs/ledger.md,
// testdata/vectors.json.

package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
)

// sum is SHA-256 over station, seq (decimal), ts, kind, body and the hash before,
// each after its length in eight bytes, big-endian.
func (e *Entry) sum() (h [sha256.Size]byte) {
	var b []byte
	for _, field := range [][]byte{[]byte(e.Station), strconv.AppendInt(nil, e.Seq, 10), []byte(e.TS), []byte(e.Kind), e.Body, e.Prev[:]} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(field)))
		b = append(b, field...)
	}
	return sha256.Sum256(b)
}
