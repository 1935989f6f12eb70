// This file is the protocol: one command, its lines, its data, its answer.

package fastboot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxCommand  = 64      // bytes; LK, U-Boot and Huawei take no more
	maxResponse = 256     // bytes (AOSP fastboot README)
	maxLines    = 4096    // INFO and TEXT lines of one command
	maxText     = 1 << 20 // bytes of INFO and TEXT of one command
	dataWindow  = 1 << 20 // bytes given to the transport at once
)

// Limits are the deadlines of commands. Zero fields take the value of
// [DefaultLimits].
type Limits struct {
	Query   time.Duration // silence and total, for questions
	Action  time.Duration // total, for commands that do something, before bytes are counted
	Idle    time.Duration // silence in a data phase
	Unsized time.Duration // total, for erases and writes of which nobody knows how much they are

	MinWire  int64 // bytes/s: a data phase slower than this fails
	MinWrite int64 // bytes/s: flash and erase slower than this (expanded bytes) fail
}

// DefaultLimits suit real tablets: a full-speed wire moves 1 MB/s, the slowest
// eMMC writes 5 MB/s and erases a large partition in minutes, without a word.
var DefaultLimits = Limits{
	Query: 10 * time.Second, Action: 60 * time.Second, Idle: 30 * time.Second, Unsized: 5 * time.Minute,
	MinWire: 256 << 10, MinWrite: 2 << 20,
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits
	pick := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	pick(&l.Query, d.Query)
	pick(&l.Action, d.Action)
	pick(&l.Idle, d.Idle)
	pick(&l.Unsized, d.Unsized)
	if l.MinWire == 0 {
		l.MinWire = d.MinWire
	}
	if l.MinWrite == 0 {
		l.MinWrite = d.MinWrite
	}
	return l
}

// bytesAt is how long n bytes take at rate bytes/s.
func bytesAt(n, rate int64) time.Duration {
	const most = 7 * 24 * 3600 // seconds; an image that lies about its size must not overflow
	return time.Duration(max(0, min(float64(n)/float64(rate), most)) * float64(time.Second))
}

// Client speaks to one device. Commands never overlap: one goroutine uses a
// client at a time; Close may come from another.
type Client struct {
	t        Transport
	limits   Limits
	onLine   func(string)
	onSilent func(Silence)
	broken   error // why no further command can be sent
	closed   atomic.Bool
	known    map[string]reply // what was answered to the questions of settleQuestions
	flushes  []string         // commands that end background writes; nil: not asked yet
}

// Silence is a command that has had no answer for a while.
type Silence struct {
	Command string
	For     time.Duration // since the command, or its last line
	UpTo    time.Duration // when it is given up
}

// silentFirst is when a silence is reported first. Each further report comes after twice
// the time.
const silentFirst = 10 * time.Second

// Options of a client.
type Options struct {
	Limits Limits
	// Line is called with each INFO or TEXT line, cleaned, as it arrives.
	Line func(string)
	// Silent is called from another goroutine while a command waits for its answer, never
	// after the command has returned.
	Silent func(Silence)
}

// NewClient speaks over t, which it owns from now on.
func NewClient(t Transport, o Options) *Client {
	return &Client{t: t, limits: o.Limits.orDefault(), onLine: o.Line, onSilent: o.Silent, known: map[string]reply{}}
}

// Close ends the connection. A command under way fails.
func (c *Client) Close() error {
	c.closed.Store(true)
	return c.t.Close()
}

// Broken reports why the client can send no further command, or nil.
func (c *Client) Broken() error { return c.broken }

// limit is the deadlines of one command.
type limit struct{ idle, total time.Duration }

// Command sends cmd literally and returns the text of its OKAY. It is the way
// for oem commands; the others have methods.
func (c *Client) Command(ctx context.Context, cmd string) (string, error) {
	return c.do(ctx, cmd, limit{c.limits.Action, c.limits.Action}, c.onLine)
}

func (c *Client) query(ctx context.Context, cmd string, line func(string)) (string, error) {
	text, err := c.do(ctx, cmd, limit{c.limits.Query, c.limits.Query}, line)
	c.remember(cmd, text, err)
	return text, err
}

// do runs a command that has no data phase.
func (c *Client) do(ctx context.Context, cmd string, l limit, line func(string)) (string, error) {
	x, err := c.begin(ctx, cmd, l, line)
	if err != nil {
		return "", err
	}
	defer x.cancel()
	text, data, err := x.reply()
	if err == nil && data >= 0 {
		err = x.fail(&ProtocolError{cmd, fmt.Sprintf("DATA %d without a data phase", data)})
	}
	return text, err
}

// Download puts a payload into the device's memory; progress, if not nil, is
// told the bytes handed to the wire.
func (c *Client) Download(ctx context.Context, p Payload, progress func(n int)) error {
	return c.DownloadPaced(ctx, p, progress, nil)
}

// DownloadPaced is Download whose data phase can be held up: pace, if not nil, is called
// before each write and returns how many bytes may be written next, at least one. The
// time that it takes counts towards no limit.
func (c *Client) DownloadPaced(ctx context.Context, p Payload, progress func(n int), pace func() int64) error {
	size := p.Size()
	if size <= 0 || size > 0xffffffff {
		return &UsageError{"download", fmt.Sprintf("%d bytes cannot be sent in one download", size)}
	}
	cmd := fmt.Sprintf("download:%08x", size)
	total := c.limits.Action + bytesAt(size, c.limits.MinWire)
	x, err := c.begin(ctx, cmd, limit{c.limits.Idle, total}, c.onLine)
	if err != nil {
		return err
	}
	defer func() { x.cancel() }() // a pause replaces it
	if err := x.expectData(size); err != nil {
		return err
	}
	w := &dataWriter{x: x, left: size, progress: progress, pace: pace}
	if _, err := p.WriteTo(w); err != nil || w.err != nil {
		return x.fail(cmp.Or(w.err, err)) // the device still waits for bytes that will not come
	}
	if w.left != 0 {
		return x.fail(fmt.Errorf("%s: the image ended %d bytes early", cmd, w.left))
	}
	return x.finish("DATA after the data")
}

// upload runs a command whose data phase comes from the device.
func (c *Client) upload(ctx context.Context, cmd string, size int64, w io.Writer) error {
	total := c.limits.Action + bytesAt(size, c.limits.MinWire)
	x, err := c.begin(ctx, cmd, limit{c.limits.Idle, total}, c.onLine)
	if err != nil {
		return err
	}
	defer x.cancel()
	if err := x.expectData(size); err != nil {
		return err
	}
	buf := make([]byte, min(size, 256<<10))
	for left := size; left > 0; {
		n, err := x.timed("data", func(ctx context.Context) (int, error) {
			return c.t.ReadData(ctx, buf[:min(left, int64(len(buf)))])
		})
		if err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return x.fail(err)
		}
		left -= int64(n)
	}
	return x.finish("DATA after the data")
}

// exchange is one command under way.
type exchange struct {
	c      *Client
	cmd    string
	limit  limit
	parent context.Context // the caller's
	ctx    context.Context // the caller's, with the total deadline
	until  time.Time       // the total deadline
	cancel context.CancelFunc
	line   func(string)
	lines  int
	text   int
}

func (c *Client) begin(ctx context.Context, cmd string, l limit, line func(string)) (*exchange, error) {
	if c.closed.Load() {
		return nil, ErrClosed
	}
	if c.broken != nil {
		return nil, fmt.Errorf("%w (%w)", ErrClosed, c.broken)
	}
	if len(cmd) == 0 || len(cmd) > maxCommand {
		return nil, &UsageError{cmd, fmt.Sprintf("a command has 1 to %d bytes, this one has %d", maxCommand, len(cmd))}
	}
	if strings.ContainsFunc(cmd, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, &UsageError{cmd, "a command is printable ASCII"}
	}
	if name, ok := strings.CutPrefix(cmd, "getvar:"); ok {
		if why := neverAsk(name); why != "" {
			return nil, &UsageError{cmd, why}
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	x := &exchange{c: c, cmd: cmd, limit: l, parent: ctx, until: time.Now().Add(l.total), line: line}
	x.ctx, x.cancel = context.WithDeadline(ctx, x.until)
	_, err := x.timed("command", func(ctx context.Context) (int, error) {
		return 0, c.t.WritePacket(ctx, []byte(cmd))
	})
	if err != nil {
		x.cancel()
		return nil, err
	}
	return x, nil
}

// fail marks the client as unusable: what comes next on the wire is unknown.
func (x *exchange) fail(err error) error {
	x.c.broken = err
	return err
}

// timed runs one transport call under the idle limit and names its failure.
func (x *exchange) timed(phase string, call func(context.Context) (int, error)) (int, error) {
	ctx, cancel := context.WithTimeout(x.ctx, x.limit.idle)
	defer cancel()
	n, err := call(ctx)
	switch {
	case err == nil:
		return n, nil
	case x.parent.Err() != nil:
		return n, x.fail(fmt.Errorf("%s: %w", x.cmd, context.Cause(x.parent)))
	case x.ctx.Err() != nil, ctx.Err() != nil && !time.Now().Before(x.until): // both limits at one instant
		return n, x.fail(&TimeoutError{x.cmd, phase, x.limit.total, true})
	case ctx.Err() != nil:
		return n, x.fail(&TimeoutError{x.cmd, phase, x.limit.idle, false})
	case x.c.closed.Load():
		return n, x.fail(&WireError{x.cmd, ErrClosed})
	case errors.Is(err, ErrOversize), errors.Is(err, ErrUnexpectedData):
		return n, x.fail(&ProtocolError{x.cmd, err.Error()})
	}
	var gaveUp *DeviceError
	if errors.As(err, &gaveUp) {
		return n, x.fail(&DeviceError{x.cmd, gaveUp.Message})
	}
	return n, x.fail(&WireError{x.cmd, err})
}

// reportSilence calls onSilent while the caller waits for an answer. The function that it
// returns ends that, and waits for a call under way.
func (x *exchange) reportSilence() (end func()) {
	limit := min(x.limit.idle, x.limit.total)
	if x.c.onSilent == nil || limit <= silentFirst {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		timer := time.NewTimer(silentFirst)
		defer timer.Stop()
		for silent := silentFirst; ; silent *= 2 {
			select {
			case <-done:
				return
			case <-timer.C:
			}
			x.c.onSilent(Silence{x.cmd, silent, limit})
			timer.Reset(silent)
		}
	}()
	return func() { close(done); <-ended }
}

// text is what a response says: it ends at the first NUL, because some devices send all of
// a buffer of fixed size, with what an earlier answer left behind the NUL.
func text(response []byte) string {
	said, _, _ := bytes.Cut(response, []byte{0})
	return string(said)
}

// reply reads up to OKAY, FAIL or DATA. data is -1 unless it was DATA.
func (x *exchange) reply() (okay string, data int64, err error) {
	var buf [maxResponse]byte
	for {
		end := x.reportSilence()
		n, err := x.timed("reply", func(ctx context.Context) (int, error) { return x.c.t.ReadPacket(ctx, buf[:]) })
		end()
		if err != nil {
			return "", -1, err
		}
		if n < 4 {
			return "", -1, x.fail(&ProtocolError{x.cmd, fmt.Sprintf("a response of %d bytes", n)})
		}
		kind, rest := string(buf[:4]), text(buf[4:n])
		switch kind {
		case "OKAY":
			return Clean(rest), -1, nil
		case "FAIL":
			return "", -1, &RemoteError{x.cmd, Clean(rest)}
		case "INFO", "TEXT":
			x.lines++
			x.text += n
			if x.lines > maxLines || x.text > maxText {
				return "", -1, x.fail(&ProtocolError{x.cmd, fmt.Sprintf("more than %d lines or %d bytes of messages", maxLines, maxText)})
			}
			if x.line != nil {
				x.line(Clean(rest))
			}
		case "DATA":
			size, err := hex.DecodeString(rest)
			if err != nil || len(size) != 4 {
				return "", -1, x.fail(&ProtocolError{x.cmd, fmt.Sprintf("DATA with %q for a size", Clean(rest))})
			}
			return "", int64(size[0])<<24 | int64(size[1])<<16 | int64(size[2])<<8 | int64(size[3]), nil
		default:
			return "", -1, x.fail(&ProtocolError{x.cmd, fmt.Sprintf("a response that begins with %q", Clean(kind))})
		}
	}
}

// finish reads the answer that ends a command; problem is what DATA would be.
func (x *exchange) finish(problem string) error {
	_, data, err := x.reply()
	if err == nil && data >= 0 {
		err = x.fail(&ProtocolError{x.cmd, problem})
	}
	return err
}

func (x *exchange) expectData(size int64) error {
	_, data, err := x.reply()
	switch {
	case err != nil:
		return err
	case data < 0:
		return x.fail(&ProtocolError{x.cmd, "OKAY where DATA was due"})
	case data != size:
		return x.fail(&ProtocolError{x.cmd, fmt.Sprintf("DATA for %d bytes, %d were asked", data, size)})
	}
	return nil
}
