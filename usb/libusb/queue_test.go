package libusb

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// memory has room for some transfers; streams of several tablets share it.
type memory struct {
	room  int
	got   bytes.Buffer
	depth []int // of each stream that was opened
	lose  bool  // a piece that was queued is not taken
}

type fakeStream struct {
	h        *memory
	depth    int
	inFlight [][]byte
	total    int
	err      error
}

func (s *fakeStream) land() {
	p := s.inFlight[0]
	s.inFlight = s.inFlight[1:]
	s.h.room++
	if !s.h.lose {
		s.total += len(p)
		s.h.got.Write(p)
	}
}

func (s *fakeStream) WriteContext(_ context.Context, p []byte) (int, error) {
	if len(s.inFlight) == s.depth {
		s.land()
	}
	if s.h.room == 0 {
		s.err = errNoMemory
		return 0, s.err
	}
	s.h.room--
	s.inFlight = append(s.inFlight, bytes.Clone(p))
	return len(p), nil
}

func (s *fakeStream) CloseContext(context.Context) error {
	for len(s.inFlight) > 0 {
		s.land()
	}
	return s.err
}

func (s *fakeStream) Written() int { return s.total }

func (h *memory) queue(t *throttle) *queue {
	return &queue{throttle: t, want: func() int { return maxInFlight }, open: func(depth int) (stream, error) {
		h.depth = append(h.depth, depth)
		return &fakeStream{h: h, depth: depth}, nil
	}}
}

// TestQueueShrinks goes on with half as much in flight when memory ends, loses and
// doubles nothing, and grows again after a while.
func TestQueueShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &memory{room: 3}
		q := h.queue(&throttle{})
		var want bytes.Buffer
		push := func(n int) {
			for i := range n {
				p := bytes.Repeat([]byte{byte(want.Len() & 0xff), byte(i & 0xff)}, 500)
				want.Write(p)
				if err := q.push(t.Context(), p); err != nil {
					t.Fatal(err)
				}
			}
		}
		push(10)
		if q.depth != 2 {
			t.Errorf("%d in flight after ENOMEM with four", q.depth)
		}
		h.room += 100
		push(3 * recoverAt)
		if q.depth != maxInFlight {
			t.Errorf("%d in flight long after", q.depth)
		}
		if err := q.drain(t.Context()); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(h.got.Bytes(), want.Bytes()) {
			t.Errorf("%d bytes arrived of %d, or in another order", h.got.Len(), want.Len())
		}
		if h.depth[0] != 4 || h.depth[1] != 2 {
			t.Errorf("depths %v", h.depth)
		}
	})
}

// TestQueueWaits has no memory at all for a time: others hold it.
func TestQueueWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &memory{}
		q := h.queue(&throttle{})
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error)
		go func() { done <- q.push(ctx, []byte("piece")) }()
		synctest.Wait()
		enough := errors.New("enough")
		cancel(enough)
		if err := <-done; !errors.Is(err, enough) {
			t.Error(err)
		}
		tries := 0
		err := patiently(t.Context(), func() error {
			if tries++; tries < 5 {
				return errNoMemory
			}
			return nil
		})
		if err != nil || tries != 5 {
			t.Error(tries, err)
		}
	})
}

// TestQueueLoses never takes bytes that were queued for bytes that were taken.
func TestQueueLoses(t *testing.T) {
	h := &memory{room: 10, lose: true}
	q := h.queue(&throttle{})
	if err := q.push(t.Context(), []byte("piece")); err != nil {
		t.Fatal(err)
	}
	if err := q.drain(t.Context()); err == nil {
		t.Error("nobody missed the piece")
	}
}
