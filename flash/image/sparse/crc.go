// This file checks CRC32 chunks without expanding what they cover.

package sparse

import (
	"encoding/binary"
	"hash/crc32"
)

// Checker verifies the CRC32 chunks of one image.
type Checker struct {
	chunks []Chunk
	zeros  uint32 // DONT_CARE counted as zeros
	bare   uint32 // DONT_CARE not counted
}

// Checker returns nil if the image has no CRC32 chunk.
func (x *Index) Checker() *Checker {
	for i := len(x.Chunks) - 1; i >= 0; i-- {
		if x.Chunks[i].Type == CRC32 {
			return &Checker{chunks: x.Chunks[:i+1]}
		}
	}
	return nil
}

// Feed takes the bytes of the file at off; all of the file, in order.
func (c *Checker) Feed(off int64, p []byte) error {
	for end := off + int64(len(p)); len(c.chunks) > 0; c.chunks = c.chunks[1:] {
		switch k := c.chunks[0]; k.Type {
		case Raw:
			if lo, hi := max(off, k.FileOffset), min(end, k.FileOffset+k.Length); lo < hi {
				c.data(p[lo-off : hi-off])
			}
			if k.FileOffset+k.Length > end {
				return nil
			}
		case Fill:
			v := binary.LittleEndian.AppendUint32(nil, k.Value)
			same := c.zeros == c.bare
			c.zeros = extend(c.zeros, v, k.Length/4)
			if c.bare = c.zeros; !same {
				c.bare = extend(c.bare, v, k.Length/4)
			}
		case DontCare:
			c.zeros = extend(c.zeros, make([]byte, 4), k.Length/4)
		case CRC32:
			if k.Value != c.zeros && k.Value != c.bare {
				return bad(k.FileOffset, "the CRC32 of the first %d expanded bytes is %08x, not %08x", k.Offset, c.zeros, k.Value)
			}
		}
	}
	return nil
}

func (c *Checker) data(p []byte) {
	same := c.zeros == c.bare
	c.zeros = crc32.Update(c.zeros, crc32.IEEETable, p)
	if same {
		c.bare = c.zeros
		return
	}
	c.bare = crc32.Update(c.bare, crc32.IEEETable, p)
}

// extend is the CRC of something that has the CRC crc, followed by n times unit.
// It doubles, so that 16 TiB of FILL cost as little as one block: the CRC of two
// pieces is that of the first, times x to the number of bits of the second,
// modulo the polynomial, plus that of the second.
func extend(crc uint32, unit []byte, n int64) uint32 {
	sum := crc32.ChecksumIEEE(unit)
	shift := uint32(1) << (31 - 8) // x^8, in the reflected order
	for l := len(unit); l > 1; l /= 2 {
		shift = times(shift, shift) // units are powers of two
	}
	for ; n > 0; n /= 2 {
		if n%2 == 1 {
			crc = times(shift, crc) ^ sum
		}
		sum ^= times(shift, sum)
		shift = times(shift, shift)
	}
	return crc
}

// times multiplies two polynomials modulo CRC-32's.
func times(a, b uint32) (product uint32) {
	for bit := uint32(1) << 31; bit > 0; bit >>= 1 {
		if a&bit != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32.IEEE*(b&1)
	}
	return product
}
