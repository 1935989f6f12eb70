// Package netstack is the network of a booted virtual tablet on USB: a TCP/IP stack of its
// own behind the Ethernet frames of its network function.
//
// A booted tablet shows its host a network interface, over which SSH is reached at the
// tablet's IPv6 link-local address, made from its hardware address, or at 192.168.2.15,
// which is the same on every tablet, as it is on real ones. Nothing of this exists in the
// network of the computer that the virtual tablet runs on: [Network.Run] moves [Frames],
// one a transfer, between the host's USB and gVisor's stack, and [Network.Listen] gives the
// tablet's SSH server a listener inside that stack.
package netstack
