// Package xzinfo says what an xz file asks for before it is unpacked: a header of a few
// bytes can ask for gigabytes of memory.
package xzinfo

import "encoding/binary"

// Dictionary returns the bytes of memory that the first block of an xz file asks for, 0 if
// it cannot be read
// (xz-file-format 1.1, sections 3.1 and 5.3.1).
func Dictionary(head []byte) int64 {
	if len(head) < 16 {
		return 0
	}
	b := head[12:]
	flags, b := b[1], b[2:]
	for range int(flags>>6&1) + int(flags>>7&1) { // sizes that may be there
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return 0
		}
		b = b[n:]
	}
	for range flags&3 + 1 {
		id, n := binary.Uvarint(b)
		if n <= 0 {
			return 0
		}
		size, m := binary.Uvarint(b[n:])
		if m <= 0 || size > uint64(len(b)-n-m) { //nolint:gosec // a length is not negative
			return 0
		}
		props := b[n+m:][:size]
		if id == 0x21 && size == 1 && props[0] <= 40 {
			bits := int64(props[0])
			return (2 | bits&1) << (bits/2 + 11)
		}
		b = b[n+m:][size:]
	}
	return 0
}
