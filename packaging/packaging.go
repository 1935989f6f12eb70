// Package packaging has the files that a station's system needs, for doctor to install
// and for packages to contain.
package packaging

import _ "embed" // the files beside this one

// Rules are for udev: who may use tablets, and that their networks come up.
//
//go:embed 70-zarya.rules
var Rules []byte

// Network is for systemd-networkd: booted tablets have a link-local address only.
//
//go:embed 70-zarya.network
var Network []byte
