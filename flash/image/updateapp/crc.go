package updateapp

// tables are for CRC-16/X-25 (reflected 0x8408, init and xorout 0xffff), eight bytes a
// step: tables[k][b] is what byte b does, k bytes from the end.
var tables = func() (t [8][256]uint16) {
	for b := range t[0] {
		crc := uint16(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x8408
			} else {
				crc >>= 1
			}
		}
		t[0][b] = crc
	}
	for k := 1; k < 8; k++ {
		for b := range t[k] {
			t[k][b] = t[k-1][b]>>8 ^ t[0][byte(t[k-1][b])]
		}
	}
	return t
}()

// CRC is the CRC-16/X-25 of b; of "123456789" it is 0x906e.
func CRC(b []byte) uint16 {
	crc := uint16(0xffff)
	for ; len(b) >= 8; b = b[8:] {
		low, high := byte(crc), byte(crc>>8) //nolint:gosec // the bytes of a checksum
		crc = tables[7][b[0]^low] ^ tables[6][b[1]^high] ^ tables[5][b[2]] ^ tables[4][b[3]] ^
			tables[3][b[4]] ^ tables[2][b[5]] ^ tables[1][b[6]] ^ tables[0][b[7]]
	}
	for _, c := range b {
		crc = crc>>8 ^ tables[0][byte(crc)^c] //nolint:gosec // the bytes of a checksum
	}
	return crc ^ 0xffff
}
