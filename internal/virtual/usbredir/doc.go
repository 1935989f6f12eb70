// Package usbredir lets a program be a USB device of a virtual machine. QEMU's usb-redir
// connects to a socket and passes on everything that its guest's kernel asks of the device
// (usbredir protocol version 0.7, gitlab.freedesktop.org/spice/usbredir).
//
// [Accept] greets the virtual machine at the other end of a socket, and [Connection.Run]
// answers it. What the device is, a [Function] says: descriptors, interfaces, endpoints.
// There are two kinds, [VendorFunction] for fastboot and ADB and [NetworkFunction] for the
// booted system. [Connection.Plug] plugs a device with that function in, and
// [Connection.Pull] pulls it out, again and again on the same connection, as a tablet does
// that restarts.
//
// While it is plugged in, the connection answers control requests by itself. The bytes of
// the bulk endpoints belong to the program: as a stream ([Connection.Read],
// [Connection.Write]), or transfer by transfer ([Connection.ReadTransfer]). All of these
// return an error once the device was pulled out or the virtual machine has gone. The
// methods may be called from several goroutines at once; each direction has one user.
package usbredir
