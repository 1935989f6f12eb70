// Package bootloader is the fastboot side of a virtual tablet: the program that answers a
// host's commands, and the framings in which they come.
//
// [Bootloader.Serve] is one session with one host. It reads a command, does it to the
// device's partitions (package device) and answers OKAY, FAIL or DATA in the words of the
// family that is imitated; what each family says is data in package device. It ends when
// the connection does, or with a *device.Departure when the tablet restarts, is turned off
// or is pulled out, or with a *storage.Error when the computer under the tablet fails.
// Faults are acted out here: a stall, a flood, a reply full of escape sequences.
//
// A session knows no framing. A [Link] is a connection whose messages were taken out of
// their frames, and there are three:
//
//   - [Greet] over a stream, where each message is preceded by its length (TCP);
//   - [Bootloader.ServePackets] over datagrams, where the tablet only ever answers and
//     lost answers are given again (UDP);
//   - [OverUSB] over bulk transfers, where one transfer is one command.
//
// The framings and the reader of sparse images are written from AOSP's documents and share
// no code with the host side of this program, so that a mistake there is not mirrored
// here.
package bootloader
