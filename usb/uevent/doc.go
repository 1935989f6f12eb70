// Package uevent tells when something was plugged in or pulled out. It is a hint and
// nothing more: what is there, a scan tells (usb.Watch).
package uevent
