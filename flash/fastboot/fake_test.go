package fastboot

import (
	"context"
	"io"
	"slices"
)

// fake is a transport that answers each command with packets from a list, and
// refuses, as Kirin does, what the list lacks.
type fake struct {
	answers map[string][]string
	sent    []string // commands
	queue   []string
	left    string // comes once, before the answer to the next command
	data    []byte // of the data phase from the device
	err     error  // of WriteData and ReadData
}

func (f *fake) WritePacket(_ context.Context, p []byte) error {
	f.sent = append(f.sent, string(p))
	answer := []string{"FAILCommand not allowed"}
	if a, ok := f.answers[string(p)]; ok {
		answer = slices.Clone(a)
	}
	f.queue = append(f.queue, answer...) // after what nobody has read yet
	if f.left != "" {
		f.queue, f.left = append([]string{f.left}, f.queue...), ""
	}
	return nil
}

func (f *fake) ReadPacket(_ context.Context, p []byte) (int, error) {
	if len(f.queue) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.queue[0])
	f.queue = f.queue[1:]
	return n, nil
}

func (f *fake) WriteData(context.Context, []byte) error { return f.err }

func (f *fake) ReadData(_ context.Context, p []byte) (int, error) {
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, f.err
}

func (f *fake) Close() error { return nil }
