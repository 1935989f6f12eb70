// This file is a tablet that was named and is not there: its job fails beside the others.

package target

import (
	"context"
	"net"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
)

// Missing is a target on USB that no tablet answers to.
type Missing struct {
	name string // as it was typed
	err  error  // why it was not found
}

func (m Missing) String() string { return m.name }

// Where names the tablet as it was typed.
func (m Missing) Where() flash.Where { return flash.Where{Port: m.name} }

// Fastboot fails.
func (m Missing) Fastboot(context.Context) (fastboot.Transport, error) { return nil, m.failure() }

// Dial fails.
func (m Missing) Dial(context.Context, int) (net.Conn, error) { return nil, m.failure() }

func (m Missing) failure() error {
	return &flash.Failure{Class: flash.ClassCable, Message: m.err.Error(), Err: m.err,
		Hint: "plug it in, or wait for it with --wait-for-device 60s"}
}
