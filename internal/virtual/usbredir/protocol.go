// This file is the numbers of the protocol.

package usbredir

// The packets that are used, by their numbers in the protocol.
const (
	typeHello            = 0
	typeConnect          = 1
	typeDisconnect       = 2
	typeReset            = 3
	typeInterfaceInfo    = 4
	typeEndpointInfo     = 5
	typeSetConfiguration = 6
	typeGetConfiguration = 7
	typeConfiguration    = 8
	typeSetAlt           = 9
	typeGetAlt           = 10
	typeAlt              = 11
	typeStartInterrupt   = 15
	typeStopInterrupt    = 16
	typeInterruptStatus  = 17
	typeCancel           = 21
	typeDisconnectAck    = 24
	typeControl          = 100
	typeBulk             = 101
	typeInterrupt        = 103
)

// Capabilities, by their bits.
const (
	capConnectVersion = 1
	capDisconnectAck  = 3
	capMaxPacketSize  = 4
	capIDs64          = 5
	capLength32       = 6
)

const allCapabilities = 1<<capConnectVersion | 1<<capDisconnectAck | 1<<capMaxPacketSize | 1<<capIDs64 | 1<<capLength32

// Status of a transfer.
const (
	statusOK        = 0
	statusCancelled = 1
	statusStall     = 4
)

// Speed is how fast a device is on its bus.
type Speed uint8

// The speeds of the protocol that are used.
const (
	FullSpeed Speed = 1 // 12 Mbit/s
	HighSpeed Speed = 2 // 480 Mbit/s
)

const maxPacket = 1 << 24 // bytes; QEMU sends far less
