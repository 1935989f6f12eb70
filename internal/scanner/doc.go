// Package scanner reads barcodes from a scanner that types like a keyboard.
//
// The scanner is opened by its device path and grabbed, so that what it types goes
// nowhere else, and so that nothing else that types is taken for it. A scan is up to 128
// characters of one line, ended by Enter, with no more than two seconds between two of
// them. Keys are read as those of a US layout, whatever layout this machine has.
//
// Name the scanner by its socket (/dev/input/by-path/…): names in /dev/input/by-id come
// from what a device says of itself, and a tablet can say anything.
//
// A barcode is a word, a colon and a value. The words never change; the page for
// technicians, docs/station-scanner.md, has the list:
//
//	OP:17           operator 17 works here from now on
//	LOT:P-118       the tablets from now on are of this lot
//	GOLD:           the next unit is a golden or test unit, which no statistic counts
//	GOLD:G-07       the same, with its name
//	SUP:900         the badge of a supervisor, for the order before it or after it
//	CMD:CLEAR:A3    forget the last result of port A3
//	CMD:OFF:A3      set port A3 aside
//	CMD:ON:A3       use port A3 again
//	CMD:SCRAP:A3    the failed tablet of port A3 is scrapped; CMD:REWORK:, CMD:QUARANTINE: too
//	CMD:STOP        no new jobs; end when the running ones have
//
// Whatever else is scanned does nothing, and is said: see [Dropped]. A badge says who is
// there, and is no secret: who can print a barcode can be anybody.
package scanner
