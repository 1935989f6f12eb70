// Package admission decides which tablets are served now and which wait, for one process
// and for as long as it lives.
//
// There are two questions. How many jobs are at work at once is a number that the
// operator may give ([Options]); a job takes a [Place] and gives it back. Which downloads
// go on at once depends on wires: sixteen tablets behind one wire are all ready at the
// end if all are served at once, and half of them at half time if they take turns, the
// last one no later. So a wire serves its tablets in the order of their jobs, as few at a
// time as keep it full.
//
// Who shares a wire is known where the topology says so: a job [Admission.Join]s with the
// name of its uplink, and each piece of an image waits for its turn. On a network nothing
// says it, and it is learned from rates (decision 19). All downloads start at once. When
// they have run for a moment, some of them are held up for a few hundredths of a second:
// if the others become faster, they share a wire, and then it is found out who shares with
// whom. If no one becomes faster, no wire is shared; all go on, and the holding up has cost less
// than a hundredth of the time. Downloads too short for that are left alone.
//
// A tablet that takes nothing for a while, or that writes what it was sent, does not count:
// its turn is another's meanwhile. A download that waits in the middle of its data is given
// a little every few seconds, so that neither end believes the other gone.
//
// The package knows no tablets and no fastboot: a [Member] is asked for bytes and says how
// many have arrived. Its clock is time, so that tests run in bubbles.
package admission
