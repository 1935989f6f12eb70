// Package usbnet reaches a booted tablet through the network interface that its port
// became. Every tablet may have the same IPv4 address, so a connection is bound to the
// interface, by the IPv6 link-local address of the neighbour there where there is one.
// No root is needed: Linux lets anybody bind a socket to a device (since 5.7) and ping
// (net.ipv4.ping_group_range, which systemd opens).
package usbnet
