//go:build !linux

package scanner

import "github.com/zarya-station/zarya/internal/problem"

func grab(path string) (device, error) {
	_, err := Check(path)
	return nil, err
}

// Check returns what the scanner at path calls itself, or why it cannot be used.
func Check(path string) (name string, err error) {
	return "", problem.New(problem.Station, "type badges and lots on the board", "%s: it is grabbed on Linux only", path)
}
