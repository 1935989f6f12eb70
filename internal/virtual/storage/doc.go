// Package storage is what a virtual tablet's flash memory is made of: a [Store] is the
// content of one partition, or of what was downloaded and is not written yet.
//
// A store is a file with holes ([OpenFile], [OpenBuffer]) or pages in memory
// ([NewMemory]). Both look like a block device: bytes that were never written are zeros
// and take no room, so that a tablet of 32 GB costs what was flashed onto it. [Copy]
// moves bytes from one store to another, in the kernel where it can.
//
// What fails here is the computer under the tablet (its disk is full), never the tablet:
// such an error is an [Error], and ends the program that runs the tablet in place of
// being answered to the host with FAIL.
package storage
