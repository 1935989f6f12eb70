// Package uevent says when something was plugged in or pulled out: [Listen] returns a channel that
// receives whenever the kernel reports a change of USB or network devices (netlink; on other
// systems than Linux it is an error). It is a hint and nothing more: events are lost under load, and do not say
// what is there now. That is read by usb.Scan; usb.Watch does both.
package uevent
