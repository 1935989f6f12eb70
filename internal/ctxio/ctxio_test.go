package ctxio

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestEndsWithItsContext(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	r, out := Reader{ctx, strings.NewReader("text")}, &strings.Builder{}
	w := Writer{ctx, out}
	if n, err := io.CopyN(w, r, 2); n != 2 || err != nil || out.String() != "te" {
		t.Errorf("%d bytes, %v: %q", n, err, out)
	}
	cancel(enough)
	if _, err := io.ReadAll(r); !errors.Is(err, enough) {
		t.Errorf("read after the end: %v", err)
	}
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, enough) || out.String() != "te" {
		t.Errorf("written after the end: %d, %v: %q", n, err, out)
	}
}
