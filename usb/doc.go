// Package usb says what is plugged in where.
//
// A tablet changes its USB identity several times on its way from Android to
// fastboot to Aurora: other vendor and product numbers, another serial, another
// interface. Two things carry over: the hub port that it sits in, and the mode
// that its interface descriptors show. This package has the words for both. It
// needs no cgo and opens no device.
package usb
