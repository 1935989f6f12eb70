// Package usb says what is plugged in where.
//
// A tablet changes its USB identity several times on its way from Android to fastboot to
// Aurora: other vendor and product numbers, another serial, another interface. Two things
// carry over: the hub port that it sits in, and the mode that its interface descriptors show.
// This package has the words for both: a [Port] is a place, one and the same for both halves
// of a USB 3 port and after every boot; a [Mode] is what runs on the tablet.
//
// [Scan] reads sysfs and opens no device, so that anybody may look while somebody flashes.
// [Watch] scans when something wakes it and tells what changed; [Follow] is the one place that
// decides whether what comes back in a port is the tablet that left it, by the rules of the
// device table ([Tablets]). [Lock] keeps a port for one process, and [Names] are what a station
// calls its ports.
//
// It needs no cgo. Who opens devices is package libusb below it.
package usb
