// Package lease supplies the stations of a fleet with identities from one database.
//
// A supervisor imports rows into a pool ([Import]); they are numbered 1, 2, 3 …. A station
// leases a range of numbers ([Station.Lease]) under a request id that it keeps: after a lost
// answer the same id gets the same range. A range never comes back by itself; the station
// gives back its unused end ([Station.Return]), and a supervisor writes off what a stolen
// station had ([Burn]). [Station.Bind] records which tablet has which identity; one tablet
// holds one identity of a pool, whatever two stations did.
//
// Each import has an age key of its own. The secret columns of its rows are sealed for it,
// and it is sealed for supervisors and for each station, so that the database has no key that
// opens anything. What the database enforces is in docs/decisions/0027-leased-identities.md.
package lease
