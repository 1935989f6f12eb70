//go:build !linux

package uevent

import (
	"context"
	"errors"
)

// Listen is for Linux only: elsewhere a watcher polls.
func Listen(context.Context) (<-chan struct{}, error) {
	return nil, errors.New("only Linux tells when something is plugged in")
}
