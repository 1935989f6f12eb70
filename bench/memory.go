//go:build linux

// This file looks at what memory a process has for itself.

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

var own = regexp.MustCompile(`(?m)^Rss(?:Anon|Shmem):\s+(\d+) kB`)

// ownMemory is the resident memory of a process without pages of files, in bytes; -1 when it has ended.
func ownMemory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return -1
	}
	found := own.FindAllSubmatch(text, -1)
	if found == nil {
		return -1
	}
	var sum int64
	for _, m := range found {
		n, _ := strconv.ParseInt(string(m[1]), 10, 64)
		sum += n << 10
	}
	return sum
}
