// Package virtual is the other side: tablets made of software.
//
// A [Tablet] is a device that does what a real one of a named family does. It is made by
// [New] of a [Config], and served where a host looks for it: over TCP ([Tablet.Serve]) or
// UDP ([Tablet.ServeUDP]), on a network made of memory (package memnet), in the USB port of
// a virtual machine ([Tablet.ServeUSB]), or to an adb server ([Tablet.ServeADB]). AOSP's own
// fastboot can use it.
//
// A real tablet is hardware on which one program runs after the other, and so is this one.
// The hardware is a device.Device: partitions, lock, slots, faults. The programs are
// packages that know the hardware and not each other:
//
//	device       what lasts: configuration, families, faults, partitions, state
//	  storage      what partitions are made of
//	bootloader   fastboot: a session, and its framings over TCP, UDP and USB
//	system       what was flashed, booted: a file system, SSH, SFTP, programs
//	adbd         Android with debugging on
//	usbredir     a USB device of a virtual machine
//	netstack     the booted system's network over USB
//	memnet       a network in memory, for tests in bubbles of time
//	imageset     images to flash
//
// This package puts them together. A program ends with a device.Departure, and the tablet
// decides by it what runs next, and when: the loop of Serve is the life of a tablet on a
// network, that of ServeUSB its life in a port. While a tablet is away its address must
// stay its own, for which there is [Held].
//
// Nothing here shares code with the client side (package flash and what is below it): it
// has its own framings and its own sparse reader, so that a mistake there is not mirrored
// here.
package virtual
