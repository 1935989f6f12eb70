// Package disk measures the room on the disk that a folder is on ([Look], [Free]), in the way of
// each system. A [Guard] watches several folders for whoever must be able to record what is done,
// and reports those whose disk has too little room to begin.
package disk
