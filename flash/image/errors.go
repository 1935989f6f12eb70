// This file has the ways in which an image is of no use.

package image

import (
	"cmp"
	"fmt"
)

// FileError means that a file cannot be used as an image.
type FileError struct {
	Path    string
	Problem string // and what to do
	Err     error  // the cause, if there is one
}

func (e *FileError) Error() string { return e.Path + ": " + e.Problem }
func (e *FileError) Unwrap() error { return e.Err }

// ChangedError means that the file is no longer what its digest was taken of.
type ChangedError struct {
	Path    string
	Problem string // "" is that the file itself changed
}

func (e *ChangedError) Error() string {
	return e.Path + ": " + cmp.Or(e.Problem, "the file changed after its digest was taken: let whatever writes to it finish, then start again")
}

// LimitError means that an image cannot be cut for a max-download-size.
type LimitError struct {
	Path    string
	Max     int64
	Problem string
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: a download of at most %d bytes: %s", e.Path, e.Max, e.Problem)
}

// FormError means that an image cannot take this form.
type FormError struct {
	Path    string
	Problem string
}

func (e *FormError) Error() string { return e.Path + ": " + e.Problem }
