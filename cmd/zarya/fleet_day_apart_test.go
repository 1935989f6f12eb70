// A station of the day that is in a network namespace of its own, with its tablets: where others'
// lines are cut, its packets are lost, and nobody is told.

package main

import (
	"bytes"
	"io"
	"net"
	"os/exec"
	"strings"

	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/virtual"
)

// setApart puts the server into a namespace of its own, and makes one for a station. Where the user
// may not, it returns nil.
func (d *day) setApart() (apart *fleettest.Apart, url string) {
	d.t.Helper()
	if apart = fleettest.SetApart(d.t); apart == nil {
		d.t.Log("no packets are lost: this user may make no network namespace")
		return nil, ""
	}
	return apart, apart.Serve(d.server)
}

// in does something where a station is.
func (d *day) in(l *line, do func()) {
	d.t.Helper()
	if l == nil || l.apart == nil {
		do()
		return
	}
	if err := l.apart.AtStation(func() error { do(); return nil }); err != nil {
		d.t.Error(err)
	}
}

// start starts a program at a station.
func (d *day) start(l *line, program string, args []string) (cmd *exec.Cmd, out io.Reader, errs *bytes.Buffer) {
	d.t.Helper()
	d.in(l, func() { cmd, out, errs = startAs(d.t, program, args) })
	return cmd, out, errs
}

// runAt runs a verb at a station.
func (d *day) runAt(l *line, args ...string) string {
	d.t.Helper()
	cmd, out, errs := d.start(l, "zarya", args)
	var said bytes.Buffer
	_, _ = said.ReadFrom(out)
	if err := cmd.Wait(); err != nil {
		d.t.Fatalf("zarya %s: %v: %s", strings.Join(args, " "), err, errs)
	}
	return said.String()
}

// hold is an address for a tablet at a station, and where it listens.
func (d *day) hold(l *line) (at *heldaddr.Held, n virtual.Network) {
	d.t.Helper()
	var err error
	d.in(l, func() { at, err = heldaddr.Hold("tcp", "127.0.0.1:0") })
	if err != nil {
		d.t.Fatal(err)
	}
	return at, placed{at, d, l}
}

// placed listens where a station is.
type placed struct {
	*heldaddr.Held
	d *day
	l *line
}

// Listen listens there, whichever thread it is called on.
func (p placed) Listen(address string) (l net.Listener, err error) {
	p.d.in(p.l, func() { l, err = p.Held.Listen(address) })
	return l, err
}
