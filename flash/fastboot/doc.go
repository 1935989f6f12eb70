// Package fastboot is the host side of the fastboot protocol: what a station
// says to a bootloader (AOSP fastboot README, "Transport" and "Command
// Reference").
//
// A [Client] speaks over a [Transport]: [DialTCP], [DialUDP] and [NewStream] are
// here; USB bulk endpoints come from package usb/libusb. All of them pass the
// one conformance suite in fastboottest.
//
// The client trusts nobody on the other side. Commands are at most 64 bytes,
// because old bootloaders take no more; replies are bounded; a flood of INFO
// lines ends the command; DATA must equal what was asked; every command has an
// idle and a total deadline; and every word a device says is cleaned (see
// [Clean]) before anybody else gets to see it.
//
// What bootloaders do differently lives in one table, quirks.go. What is not
// told is not told: a [Fact] is never made up from a refusal.
//
// It has more files than others, though no more lines, because what only one system can do
// (sendfile, pacing, what was delivered) is in a file for that system.
package fastboot
