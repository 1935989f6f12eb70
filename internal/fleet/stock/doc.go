// Package stock keeps a station in identities from its fleet, and gives them to its jobs.
//
// [Stock.Run] leases ranges from the database before the station runs out, and takes them
// into the ledger, where they stand beside the pools that were imported there (package pool).
// [Stock.Assign] gives one to a tablet: only when the database is known to know this chain
// (outbox.Forwarder.Confirm), and only from a lease whose entry the database has, so that of
// two machines with one ledger at most one gives anything. While the database can be reached
// it is asked whether the tablet has an identity from another station, which it then keeps.
// Without a line, the station gives what it has.
//
// What was given comes to the database with the ledger's entries. What the database finds
// there that does not go together (a tablet with two) is put right in the ledger.
package stock
