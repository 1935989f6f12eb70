// This file knows which targets share a wire.

package target

// Uplink names the wire that the port shares with others: all behind one port of the root
// hub share it.
func (t USB) Uplink() string { return t.port.Uplink().Short() }
