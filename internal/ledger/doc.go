// Package ledger is the durable record of a station: what was done to which tablet, and
// which identity each tablet got.
//
// It is one SQLite file with one append-only table, the chain. An [Entry] has a number
// (1, 2, 3 … for each station), a kind, a body in canonical JSON, and a hash over all of
// it and over the hash of the entry before; [Ledger.Verify] follows the hashes. A job
// makes an intent before its first write, a step entry as each step ends, and a result
// before the result is shown. [Ledger.Jobs] reads jobs back.
//
// Some questions need an answer inside a transaction: does another tablet have this
// serial, which identity is free. For these there are tables beside the chain. They hold
// nothing that the chain does not know: every change of them is made by the entry that
// says so, in that entry's transaction ([Ledger.Append]), and verifying computes them from
// the entries again and compares. The tables of claims and of attempts are this package's;
// the pools of identities and the tried unlock codes are in package pool, which stands on
// this one.
//
// Order is the order of the chain. Times are in entries for people; no decision is made by
// them, because a station's clock can be set back.
//
// What the chain cannot show is that its end was cut off, or that an older file was put in
// its place. So the last number and hash are also kept outside the file, in the head file
// beside it, and compared when the ledger is opened ([RolledBackError]).
//
// Several processes may write one ledger. Each holds a lock on a file of its own while it
// lives; a job whose process is gone is closed as interrupted by the next process that
// opens the ledger for writing.
//
// It has a small file for each kind of entry and each table; all of them are written in the
// transactions of one chain. What is counted of the records, shown of them and proved by them
// is in packages stats, records and evidence.
package ledger
