package fastboot

// NewDatagramEvery is NewDatagram with another time to wait before a packet is
// sent again.
var NewDatagramEvery = newDatagram
