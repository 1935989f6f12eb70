// This file writes down what went over a wire, for a bug report: packets in
// full, payloads as digests.

package fastboot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"sync"
	"time"
)

// Tracer writes one JSON object a packet. One Tracer may serve many transports.
type Tracer struct {
	Hide func(string) string // takes secrets out of packets; nil: there are none
	Each func(TraceLine)     // is told every line too; nil: nobody is
	Bare bool                // payloads have no digests, which take time

	mu  sync.Mutex
	enc *json.Encoder // guarded by mu
	err error         // guarded by mu; the first failure to write
}

// NewTracer writes to w.
func NewTracer(w io.Writer) *Tracer { return &Tracer{enc: json.NewEncoder(w)} }

// Err is the first failure to write the trace.
func (t *Tracer) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// TraceLine is one line of a trace.
type TraceLine struct {
	TS     string `json:"ts"`               // RFC 3339, UTC
	Target string `json:"target"`           // such as tcp:127.0.0.1:5554
	Dir    string `json:"dir"`              // > to the device, < from it
	Packet string `json:"packet,omitempty"` // cleaned
	Bytes  int64  `json:"bytes,omitempty"`  // of a payload
	Digest string `json:"digest,omitempty"` // of a payload: sha256:HEX
	Error  string `json:"error,omitempty"`
}

func (t *Tracer) line(l TraceLine) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l.TS = time.Now().UTC().Format(time.RFC3339Nano)
	if t.Hide != nil {
		l.Packet, l.Error = t.Hide(l.Packet), t.Hide(l.Error)
	}
	if t.Each != nil {
		t.Each(l)
	}
	if err := t.enc.Encode(l); err != nil && t.err == nil {
		t.err = err
	}
}

// Wrap returns a transport that does what inner does and writes it down.
func (t *Tracer) Wrap(target string, inner Transport) Transport {
	return &traced{Transport: inner, to: t, target: target}
}

// traced sums up the data phase under way until the next packet, or its failure.
type traced struct {
	Transport
	to     *Tracer
	target string
	dir    string
	bytes  int64
	under  bool      // a data phase
	sum    hash.Hash // nil: none is taken
}

func (t *traced) data(dir string, p []byte, err error) {
	if !t.under {
		t.under, t.dir, t.bytes = true, dir, 0
		if !t.to.Bare {
			t.sum = sha256.New()
		}
	}
	t.bytes += int64(len(p))
	if t.sum != nil {
		t.sum.Write(p)
	}
	if err != nil {
		t.flush(err.Error())
	}
}

func (t *traced) flush(failure string) {
	if !t.under {
		return
	}
	l := TraceLine{Target: t.target, Dir: t.dir, Bytes: t.bytes, Error: failure}
	if t.sum != nil {
		l.Digest = "sha256:" + hex.EncodeToString(t.sum.Sum(nil))
	}
	t.to.line(l)
	t.under, t.sum = false, nil
}

func (t *traced) packet(dir string, p []byte, err error) {
	t.flush("")
	l := TraceLine{Target: t.target, Dir: dir, Packet: Clean(string(p))}
	if err != nil {
		l.Error = err.Error()
	}
	t.to.line(l)
}

// Delivered is what the transport below knows.
func (t *traced) Delivered() (int64, bool) {
	if d, ok := t.Transport.(deliveryCounter); ok {
		return d.Delivered()
	}
	return 0, false
}

func (t *traced) WritePacket(ctx context.Context, p []byte) error {
	err := t.Transport.WritePacket(ctx, p)
	t.packet(">", p, err)
	return err
}

func (t *traced) ReadPacket(ctx context.Context, p []byte) (int, error) {
	n, err := t.Transport.ReadPacket(ctx, p)
	t.packet("<", p[:n], err)
	return n, err
}

func (t *traced) WriteData(ctx context.Context, p []byte) error {
	err := t.Transport.WriteData(ctx, p)
	t.data(">", p, err)
	return err
}

func (t *traced) ReadData(ctx context.Context, p []byte) (int, error) {
	n, err := t.Transport.ReadData(ctx, p)
	t.data("<", p[:n], err)
	return n, err
}
