// This file is the numbers that a tablet is known by.

package system

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// mac and imei are made of the serial: they are the same after every boot.
func (s *System) mac() string {
	sum := sha256.Sum256([]byte("mac " + s.device.Config.Serial))
	return fmt.Sprintf("02:%02x:%02x:%02x:%02x:%02x", sum[0], sum[1], sum[2], sum[3], sum[4])
}

func (s *System) imei() string {
	sum := sha256.Sum256([]byte("imei " + s.device.Config.Serial))
	number := fmt.Sprintf("35%012d", binary.BigEndian.Uint64(sum[:])%1_000_000_000_000)
	total := 0
	for i, r := range number {
		d := int(r - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		total += d
	}
	return number + strconv.Itoa((10-total%10)%10)
}

// bootID names one run of the system.
func bootID(random [16]byte) string {
	random[6], random[8] = random[6]&0x0f|0x40, random[8]&0x3f|0x80
	h := hex.EncodeToString(random[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}
