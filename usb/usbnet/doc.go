// Package usbnet reaches a booted tablet through the network interface that appeared in its port.
// [Dial] opens a TCP connection over the interface with that name.
//
// Every tablet may have the same IPv4 address, so a connection is bound to the interface; where the
// tablet answers there, its IPv6 link-local address is used. An interface that is down is a
// [DownError]. No root is needed: Linux lets anybody bind a socket to a device (since 5.7) and ping
// (net.ipv4.ping_group_range, which systemd opens). Which interface belongs to which port is read
// by package usb.
package usbnet
