// Package imagetest makes what images come in, as other programs would, for the tests of the
// packages that take them out. It shares no code with these: a mistake is not read back as
// it was made.
package imagetest
