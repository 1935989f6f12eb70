// This file sends one blob to a registry in pieces, so that a try that broke off can be
// gone on with, by the next process too.

package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/zarya-station/zarya/internal/bytesize"
)

// chunk is how much is sent at once: what is lost when a registry ends between two.
const chunk = 16 << 20

// maxChunk is the most that a registry may ask for at once.
const maxChunk = 256 << 20

// upload is where a blob that is being sent stands.
type upload struct {
	Location string `json:"location"`
	Offset   int64  `json:"offset"`
	chunk    int64
}

func missing(err error) bool {
	var resp *errcode.ErrorResponse
	return errors.As(err, &resp) && resp.StatusCode == http.StatusNotFound
}

// uploadFile is where the state of an upload is kept.
func (s *sender) uploadFile(l layer) string {
	return s.c.Store.path("uploads", fmt.Sprintf("%x", sha256.Sum256([]byte(s.place+" "+l.digest))))
}

func (s *sender) blob(ctx context.Context, l layer, r io.ReadSeeker, p *Pushed) error {
	file := s.uploadFile(l)
	var far int64
	for failed := 1; ; failed++ {
		at, err := s.try(ctx, file, l, r, p)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if final(err) && at == 0 {
			return err
		}
		if at > far {
			far, failed = at, 0
		}
		if err := s.c.wait(ctx, max(failed, 1), err); err != nil {
			return err
		}
	}
}

// try sends a blob, or the rest of it. at is how far it came.
func (s *sender) try(ctx context.Context, file string, l layer, r io.ReadSeeker, p *Pushed) (at int64, err error) {
	ctx, alive, done := patient(ctx)
	defer done()
	u := &upload{chunk: chunk}
	if readJSON(file, u) && u.Location != "" {
		if err := s.arrived(ctx, u, l.size); err != nil {
			if !final(err) {
				return 0, err
			}
			s.c.say("%s does not go on with %s where it broke off: it is sent from its beginning", s.name, l.name)
			u = &upload{chunk: chunk}
		} else if u.Offset > 0 {
			s.c.say("%s: %s has %s of %s from an earlier try", l.name, s.name, bytesize.Text(u.Offset), bytesize.Text(l.size))
			p.Resumed += u.Offset
		}
	}
	if u.Location == "" {
		if err := s.begin(ctx, u); err != nil {
			return 0, err
		}
	}
	if _, err := r.Seek(u.Offset, io.SeekStart); err != nil {
		return 0, err
	}
	buf := make([]byte, min(u.chunk, l.size))
	for u.Offset < l.size {
		if err := s.c.Store.writeJSON(file, u); err != nil {
			return u.Offset, err
		}
		piece := buf[:min(int64(len(buf)), l.size-u.Offset)]
		if _, err := io.ReadFull(r, piece); err != nil {
			return u.Offset, fmt.Errorf("%s became shorter: %w", l.name, err)
		}
		if err := s.piece(ctx, u, piece, alive, p); err != nil {
			return u.Offset, err
		}
		s.c.tenth(l, u.Offset-int64(len(piece)), u.Offset)
	}
	if err := s.end(ctx, u, l.digest); err != nil {
		return u.Offset, err
	}
	_ = os.Remove(file) // what is left of it is asked about, and refused
	return l.size, nil
}

// ask sends a request of an upload that carries nothing.
func (s *sender) ask(ctx context.Context, method, where string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, where, nil)
	if err != nil {
		return nil, s.failed(err)
	}
	return s.exchange(ctx, req)
}

// exchange sends a request of an upload. What it answers is in the headers; nothing is behind them.
func (s *sender) exchange(ctx context.Context, req *http.Request) (*http.Response, error) {
	resp, err := s.do(ctx, req, auth.ActionPull, auth.ActionPush)
	if err != nil {
		return nil, err
	}
	return resp, resp.Body.Close()
}

// next reads where an upload goes on: at this registry, and nowhere else, for names and
// passwords go there too.
func (s *sender) next(u *upload, resp *http.Response) error {
	at, err := resp.Location()
	if err != nil {
		return s.failed(err)
	}
	base, err := url.Parse(s.url(""))
	if err != nil {
		return err
	}
	if at.Hostname() != base.Hostname() {
		return s.failed(fmt.Errorf("it sends blobs on to another host, %s", at.Host))
	}
	at.Scheme, at.Host = base.Scheme, base.Host // behind a proxy it may not know them
	u.Location = at.String()
	return nil
}

// begin asks for a place to send a blob to.
func (s *sender) begin(ctx context.Context, u *upload) error {
	resp, err := s.ask(ctx, http.MethodPost, s.url("blobs/uploads/"))
	if err != nil {
		return err
	}
	if least, err := strconv.ParseInt(resp.Header.Get("OCI-Chunk-Min-Length"), 10, 64); err == nil {
		u.chunk = min(max(u.chunk, least), maxChunk)
	}
	u.Offset = 0
	return s.next(u, resp)
}

// arrived asks how much of a blob has arrived.
func (s *sender) arrived(ctx context.Context, u *upload, size int64) error {
	resp, err := s.ask(ctx, http.MethodGet, u.Location)
	if err != nil {
		return err
	}
	_, last, _ := strings.Cut(resp.Header.Get("Range"), "-")
	n, err := strconv.ParseInt(last, 10, 64)
	switch {
	case err != nil || n < 0 || n >= size:
		u.Offset = 0
	case n == 0: // none or one byte: it cannot be told
		u.Offset = 0
	default:
		u.Offset = n + 1
	}
	if u.Offset == 0 {
		return s.begin(ctx, u)
	}
	return s.next(u, resp)
}

// piece sends a stretch of a blob.
func (s *sender) piece(ctx context.Context, u *upload, piece []byte, alive func(), p *Pushed) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPatch, u.Location, bytes.NewReader(piece))
	if err != nil {
		return s.failed(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	var sent atomic.Int64 // the client may still read when it has failed
	req.Body = io.NopCloser(&counted{&lively{bytes.NewReader(piece), alive}, &sent})
	req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", u.Offset, u.Offset+int64(len(piece))-1))
	resp, err := s.exchange(ctx, req)
	p.Sent += sent.Load()
	if err != nil {
		return err
	}
	u.Offset += int64(len(piece))
	return s.next(u, resp)
}

// counted counts what was read.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// end says which blob it was.
func (s *sender) end(ctx context.Context, u *upload, digest string) error {
	at, err := url.Parse(u.Location)
	if err != nil {
		return s.failed(err)
	}
	q := at.Query()
	q.Set("digest", digest)
	at.RawQuery = q.Encode()
	_, err = s.ask(ctx, http.MethodPut, at.String())
	return err
}
