// This file reads images back from tablets whose bootloader gives partitions out (fetch:
// AOSP's fastbootd, Google's GBL), and compares them with what was sent.

package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
)

// fetchPiece is how much is fetched at once, where the tablet gives that much.
const fetchPiece = 64 << 20

// readBack is which of a job's partitions were read back.
type readBack struct {
	written int // partitions with an image
	same    int // of these, read back and found the same
	refused bool
}

// all reports whether everything that was written was read back.
func (r readBack) all() bool { return r.written > 0 && r.written == r.same }

// compare reads back what the image wrote to a partition. A tablet that does not give it
// out is no failure: the job is then verified as sent. Jobs that go on to the booted
// system are verified there.
func (f *WriteImage) compare(ctx context.Context, s *Session, partition string) error {
	s.account.readBack.written++
	if s.job.Scope != ScopeFlash || s.account.readBack.refused {
		return nil
	}
	most, err := s.link.client.MaxFetch(ctx)
	if err != nil || most == 0 {
		s.account.readBack.refused = true
		return err
	}
	s.Log("reading " + partition + " back")
	for _, r := range writtenRanges(f.Image) {
		for r.length > 0 {
			if err := s.Stopping(); err != nil {
				return err
			}
			n := min(r.length, most, fetchPiece)
			w := &comparer{im: f.Image, at: r.offset}
			err := s.link.client.Fetch(ctx, partition, r.offset, n, w)
			var remote *fastboot.RemoteError
			if errors.As(err, &remote) {
				s.account.readBack.refused = true
				s.Log(fmt.Sprintf("%s cannot be read back: the tablet says %q", partition, remote.Message))
				return nil
			}
			if err != nil {
				return err
			}
			if w.differs {
				return failf(ClassDevice, "the tablet's storage did not keep the data: try once more, then send it for repair",
					"%s was read back, and differs from %s from byte %d on", partition, f.Image.Path(), w.first)
			}
			r.offset, r.length = r.offset+n, r.length-n
		}
	}
	s.account.readBack.same++
	return nil
}

// span is a range of a partition, in bytes.
type span struct{ offset, length int64 }

// writtenRanges are the ranges that an image writes: all but don't-care.
func writtenRanges(im *image.Image) (spans []span) {
	at := int64(0)
	for _, r := range im.Map() {
		last := len(spans) - 1
		switch {
		case r.Kind == image.DontCare:
		case last >= 0 && spans[last].offset+spans[last].length == at:
			spans[last].length += r.Length
		default:
			spans = append(spans, span{at, r.Length})
		}
		at += r.Length
	}
	return spans
}

// comparer compares what is written to it with an image, from at on.
type comparer struct {
	im      *image.Image
	at      int64
	buf     []byte
	differs bool
	first   int64 // the first byte that differs
}

func (c *comparer) Write(p []byte) (int, error) {
	if len(c.buf) < len(p) {
		c.buf = make([]byte, len(p))
	}
	want := c.buf[:len(p)]
	if _, err := c.im.ReadAt(want, c.at); err != nil {
		return 0, err
	}
	if !c.differs && !bytes.Equal(p, want) {
		i := 0
		for p[i] == want[i] {
			i++
		}
		c.differs, c.first = true, c.at+int64(i)
	}
	c.at += int64(len(p))
	return len(p), nil
}
