// Package pool is the supply of what each tablet gets only once: identities, and unlock
// codes.
//
// A pool is a list of identities, imported from a file: an inventory number, a hostname,
// credentials. [Supply] gives a tablet the first free one, and the same tablet always the
// same one; no two tablets ever get one. An identity is free, assigned, bound (it was read
// back from its tablet) or burned (never given again).
//
// [Codes] remembers which unlock codes went to which tablet, so that a wrong code is never
// tried twice.
//
// Both are tables beside the ledger's chain, and stand on it: every change of a row is an
// entry too, in one transaction ([ledger.Ledger.Append]). Entries are exported, so they
// hold neither the columns of an identity nor an unlock code; a row with a random salt has
// a digest, and the entry has that digest. [Verify] computes the tables' states from the
// entries and compares every row.
package pool
