// Package fleettest starts what tests of a fleet need: a private PostgreSQL, a pgbouncer in
// transaction mode, and a wire that can be cut. They run as an unprivileged user, on Unix
// sockets in a temporary folder, and are gone after the test. Where the programs are not
// installed (make setup installs them), the test is skipped and says so.
//
// A test takes a server with [Start], whose database is migrated already, and opens it as
// somebody by one of its URLs. Servers take about a second to start: a test with many parts
// uses one server and [Server.Enrol]s another station for each.
package fleettest
