// This file reads and writes sizes as people do.

package main

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

// parseBytes reads 40MB (10^6), 64MiB or 64M (2^20), or a number of bytes; a
// trailing /s is allowed. Empty is 0.
func parseBytes(s string) (int64, error) {
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

// bytesText is a size for people.
func bytesText(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	if n < 1_000_000_000 {
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// plural is "this tablet" or "these 16 tablets".
func plural(n int) string {
	if n == 1 {
		return "this tablet"
	}
	return fmt.Sprintf("these %d tablets", n)
}
