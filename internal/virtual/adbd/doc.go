// Package adbd is a virtual tablet in Android with debugging on: enough of the ADB protocol
// (AOSP adb/protocol.txt) for an adb server to list the tablet, ask it, and send it to its
// bootloader.
//
// [Serve] answers one adb server over a stream or over USB's bulk transfers; the messages
// are the same. It connects without authentication, as a tablet that trusts its host, and
// knows the services that a station needs: getprop of serial number, model and build, the
// battery's level, and reboot:bootloader. To any other command the shell answers that it
// is not found.
package adbd
