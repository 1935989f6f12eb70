// Package fleet opens the database that many stations share, and enrols stations.
//
// A database is named by a URL, postgres://HOST/DATABASE. TLS is verified unless the server
// is on this machine ([Parse]). Connections may go through pgbouncer in transaction mode, so
// nobody relies on a session: no prepared statements with names, no SET, no LISTEN, no
// locks but those of a transaction. What needs a setting says so in its transaction ([DB.Tx]).
//
// The form of the database is package schema; a database of another form is refused, with
// what to do. What stations send is package outbox.
package fleet
