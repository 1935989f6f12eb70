// Package outbox brings a station's ledger to the fleet's database.
//
// A station writes its own ledger first and never waits for the database. A [Forwarder]
// reads the ledger beside it and sends what the database has not: in the order of the
// numbers, many entries at once, from where the database says that the chain ends there.
// That answer is the truth; the file beside the ledger (LEDGER.sent) remembers the last one,
// to say how much waits when nobody answers, and to see that the database itself was set back.
//
// Each contact begins with the database's head, which the ledger must have. A ledger that
// ends before it was set back; one that has another entry there is a fork: the disk was
// cloned, or an older copy was put back and went on. What is sent is compared again in the
// transaction that takes it (zarya.append). A fault stops this station's forwarding until a
// supervisor resumes it, and nothing else; it is remembered over restarts.
//
// [Forwarder.Confirm] says whether the chain is known to be whole since this process began:
// what a station does only once, such as giving an identity out, waits for it.
package outbox
