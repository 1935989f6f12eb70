// Package disk asks how much room there is on the disk that a folder is on, in each
// system's own way.
package disk
