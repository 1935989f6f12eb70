// Package device is the hardware of a virtual tablet: what stays the same, and what
// lasts, whichever program runs on it.
//
// A real tablet runs one program after the other: its bootloader, Android, the system
// that was flashed. Each is a package of its own here (bootloader, adbd, system), and all
// of them are given the same [Device], which has
//
//   - a [Config]: the serial number, the [Family] that is imitated, limits and rates;
//   - partitions, which are stores of package storage, made when they are first used;
//   - a [State]: mode, lock, active slot, and an account of what was done to it, of which
//     a test can take a snapshot at any time;
//   - faults. A [Fault] is a wish of the user ("unplug=5@40%"); the programs report where
//     they are ([Moment]), and [Device.Strike] says whether a fault is due there. Faults
//     that only change the device (another serial, a slow wire, see [Flaws]) have
//     happened by then; all others are for the program to act out.
//
// A program ends with a [Departure] when the tablet restarts, is turned off or is pulled
// out. Which program runs next is decided by package virtual.
//
// All methods of a Device may be called from several goroutines at once.
package device
