// Package libusb opens tablets in fastboot through libusb. It is the only place that knows
// gousb, and a fastboot.Transport is all that leaves it.
//
// [Host.Open] finds a device by its bus and address, claims its fastboot interface, and gives a
// [Conn]. Up to four pieces of 256 KiB are in flight for each tablet, fewer where the kernel's
// memory for USB is shared by many ([MemoryMB]). Each tablet has a libusb context of its own:
// one whose transfer never comes back is given up with its port, and holds up no other.
//
// What goes wrong is an [Error] with its [Kind], so that a missing right, a program that has
// the interface and a cable are told apart. Without cgo the package builds, and every Open says
// that it cannot.
package libusb
