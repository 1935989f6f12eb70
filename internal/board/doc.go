// Package board is the station's terminal: what a technician with gloves sees from two
// metres away, and the keys of a supervisor.
//
// It is made of a station's View and of the words, and of nothing else. [Render] draws one
// moment; [Run] keeps a terminal showing the station and asks before a key does anything;
// [Plain] writes one line for each change, for a screen reader or a log.
package board
