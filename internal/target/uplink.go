// This file knows which targets share a wire.

package target

import (
	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/usb"
)

// Uplink returns the port of the root hub that a target is behind: all behind it share
// its wire. ok is false for a target of which that is not known.
func Uplink(t flash.Target) (p usb.Port, ok bool) {
	u, ok := t.(USB)
	return u.port.Uplink(), ok
}

// wireWidth is how many downloads fill a USB 2 uplink: one tablet takes most of it, and
// two leave no gaps.
const wireWidth = 2

// ShareWires lets tablets behind one uplink be served a few at a time.
func ShareWires(jobs []flash.Job) {
	wires := map[usb.Port]*flash.Wire{}
	for i := range jobs {
		link, ok := Uplink(jobs[i].Target)
		if !ok {
			continue
		}
		if wires[link] == nil {
			wires[link] = flash.NewWire(wireWidth)
		}
		jobs[i].Wire = wires[link]
	}
}
