// Package manual holds the documentation to the program: tables of docs/ are made from the
// code that they describe, by
//
//	go test ./internal/manual -update
//
// and its tests fail when a page has a table that the code no longer says. A table stands in a
// page between two comments,
//
//	<!-- table NAME -->
//	<!-- end -->
//
// with prose around it. There is nothing to import here.
package manual
