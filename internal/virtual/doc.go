// Package virtual is the other side: tablets made of software.
//
// A [Tablet] is a device that speaks fastboot as the bootloader of a named
// [Family] does, over TCP ([Tablet.Serve]), over UDP ([Tablet.ServeUDP]) or over
// a network made of memory (package memnet). It keeps partitions as files with
// holes, or in memory for simulations; it has slots, a lock, limits, rates, and
// it fails on demand, see [Fault].
//
// It shares no code with the client side (package flash and what is below it):
// it has its own framing and its own sparse reader, so that a mistake there is
// not mirrored here. AOSP's own fastboot can use it.
package virtual
