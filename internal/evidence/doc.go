// Package evidence makes what a ledger says provable to those who cannot trust the file: the
// station signs where its chain ends, and these heads are kept elsewhere (a witness), and it
// signs a receipt for a tablet.
//
// A chain of hashes shows that nothing in it was changed. It cannot show that its end was cut
// off, that an older copy was put back, or that all of it was written anew by somebody who can
// write the file. A head that was kept elsewhere can: the chain must still have that entry,
// with that hash. A signed one also says that it is the station's, wherever it was kept.
//
// Signatures are OpenSSH's (ssh-keygen -Y), made with the station's own key, a file like any
// SSH key. The text that is signed is canonical JSON (package canon) with a line end. Heads
// have the namespace [HeadNamespace] and receipts [ReceiptNamespace], so that one can never
// be taken for the other, or for a bundle.
package evidence
