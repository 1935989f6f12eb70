// Package disk asks how much room there is on the disk that a folder is on, in each
// system's own way, and says when that is too little to begin work that must be recorded
// ([Guard]).
package disk
