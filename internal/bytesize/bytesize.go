// Package bytesize reads and writes sizes as people write them: [Parse] reads 40MB, 64MiB or a number,
// [Text] writes 3.10 GB. It is for flags and for texts; JSON and records have plain numbers.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

var units = []struct {
	suffix string
	bytes  float64
}{
	{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9},
	{"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"B", 1}, {"", 1},
}

// Parse reads 40MB (10^6), 64MiB or 64M (2^20), or a number of bytes; a trailing /s is
// allowed. Empty is 0.
func Parse(s string) (int64, error) {
	text := strings.ToUpper(strings.TrimSuffix(strings.TrimSpace(s), "/s"))
	if text == "" {
		return 0, nil
	}
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(n > 0) || n*u.bytes > math.MaxInt64/2 {
			return 0, fmt.Errorf("%q is not a size", s)
		}
		return int64(n * u.bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size", s)
}

// Text writes a size in decimal units, as storage is sold and wires are rated.
func Text(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.2f GB", float64(n)/1e9)
}
