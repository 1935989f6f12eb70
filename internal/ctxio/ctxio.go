// Package ctxio ends long copies with their context. A [Reader] or a [Writer] passes bytes on
// until its context ends, and then fails with the context's cause. A call that waits for its
// file or connection is not interrupted, so it is for files, whose calls are short.
package ctxio

import (
	"context"
	"io"
)

// Reader reads from R until Context ends.
type Reader struct {
	Context context.Context // io.Reader has no room for one
	R       io.Reader
}

func (r Reader) Read(p []byte) (int, error) {
	if r.Context.Err() != nil {
		return 0, context.Cause(r.Context)
	}
	return r.R.Read(p)
}

// Writer writes to W until Context ends.
type Writer struct {
	Context context.Context
	W       io.Writer
}

func (w Writer) Write(p []byte) (int, error) {
	if w.Context.Err() != nil {
		return 0, context.Cause(w.Context)
	}
	return w.W.Write(p)
}
