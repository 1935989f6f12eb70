// How the engine reaches a tablet of a simulated world.

package flash_test

import (
	"context"
	"net"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/provision/overssh"
	"github.com/zarya-station/zarya/internal/virtual"
)

// simTarget is a tablet of a world.
type simTarget struct {
	w    *world
	name string
}

// uplinkedTarget is a tablet of which it is known which wire it is behind, unless that is "".
type uplinkedTarget struct {
	simTarget
	uplink string
}

func (t uplinkedTarget) Uplink() string { return t.uplink }

func (t simTarget) Where() flash.Where { return flash.Where{Address: "mem:" + t.name} }

func (t simTarget) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	conn, err := t.w.net.Dial(ctx, t.name)
	if err != nil {
		return nil, err
	}
	s, err := fastboot.NewStream(ctx, conn)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	if t.w.wire != nil {
		return t.w.wire(s), nil
	}
	return s, nil
}

func (t simTarget) Dial(ctx context.Context, _ int) (net.Conn, error) {
	return t.w.net.Dial(ctx, t.name)
}

// virtualLogin reaches the booted system of a virtual tablet that was given no other login.
func virtualLogin() *overssh.Login {
	l := virtual.DefaultLogin
	return &overssh.Login{User: l.User, Password: l.Password, Root: overssh.RootDevelSu, RootPassword: l.RootPassword}
}
