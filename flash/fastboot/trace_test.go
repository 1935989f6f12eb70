package fastboot

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func readTrace(t *testing.T, r io.Reader) (lines []TraceLine) {
	t.Helper()
	for dec := json.NewDecoder(r); ; {
		var l TraceLine
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		if at, err := time.Parse(time.RFC3339Nano, l.TS); err != nil || at.Location() != time.UTC {
			t.Errorf("time %q: %v", l.TS, err)
		}
		l.TS = ""
		lines = append(lines, l)
	}
}

func digest(p []byte) string {
	sum := sha256.Sum256(p)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestTrace(t *testing.T) {
	payload := bytes.Repeat([]byte("PAYLOAD!"), 300_000) // three windows
	var out bytes.Buffer
	tr := NewTracer(&out)
	f := &fake{
		answers: map[string][]string{
			"getvar:product":         {"INFO\x1b[2Jhm", "OKAYAGS2"},
			"download:00249f00":      {"DATA00249f00", "OKAY"},
			"fetch:boot:0x0:0xc3500": {"DATA000c3500", "OKAY"},
		},
		data: payload[:800_000],
	}
	ctx := context.Background()
	c := NewClient(tr.Wrap("tcp:tablet:5554", f), Options{})
	_, err := c.Getvar(ctx, "product")
	err = errors.Join(err, c.Download(ctx, Bytes(payload), nil), c.Fetch(ctx, "boot", 0, 800_000, io.Discard), tr.Err())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "PAYLOAD") {
		t.Error("the trace has bytes of a payload")
	}
	const at = "tcp:tablet:5554"
	want := []TraceLine{
		{Target: at, Dir: ">", Packet: "getvar:product"},
		{Target: at, Dir: "<", Packet: "INFO[2Jhm"},
		{Target: at, Dir: "<", Packet: "OKAYAGS2"},
		{Target: at, Dir: ">", Packet: "download:00249f00"},
		{Target: at, Dir: "<", Packet: "DATA00249f00"},
		{Target: at, Dir: ">", Bytes: 2_400_000, Digest: digest(payload)},
		{Target: at, Dir: "<", Packet: "OKAY"},
		{Target: at, Dir: ">", Packet: "fetch:boot:0x0:0xc3500"},
		{Target: at, Dir: "<", Packet: "DATA000c3500"},
		{Target: at, Dir: "<", Bytes: 800_000, Digest: digest(payload[:800_000])},
		{Target: at, Dir: "<", Packet: "OKAY"},
	}
	if got := readTrace(t, &out); !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// A bare trace has no digests, and whoever is told each line gets those that are written.
func TestTraceBare(t *testing.T) {
	var out bytes.Buffer
	var told []TraceLine
	tr := NewTracer(&out)
	tr.Bare, tr.Each = true, func(l TraceLine) { l.TS = ""; told = append(told, l) }
	f := &fake{answers: map[string][]string{"download:00000004": {"DATA00000004", "OKAY"}}}
	if err := NewClient(tr.Wrap("a", f), Options{}).Download(context.Background(), Bytes("data"), nil); err != nil {
		t.Fatal(err)
	}
	got := readTrace(t, &out)
	if !slices.Equal(got, told) || len(got) != 4 || got[2] != (TraceLine{Target: "a", Dir: ">", Bytes: 4}) {
		t.Errorf("written %+v, told %+v", got, told)
	}
}

// TestTraceOfFailure: a data phase that dies is in the trace, with the reason.
func TestTraceOfFailure(t *testing.T) {
	var out bytes.Buffer
	f := &fake{answers: map[string][]string{"download:00000004": {"DATA00000004"}}, err: errors.New("cable pulled")}
	c := NewClient(NewTracer(&out).Wrap("a", f), Options{})
	if err := c.Download(context.Background(), Bytes("data"), nil); err == nil {
		t.Fatal("no error")
	}
	got := readTrace(t, &out)
	if last := got[len(got)-1]; last != (TraceLine{Target: "a", Dir: ">", Bytes: 4, Digest: digest([]byte("data")), Error: "cable pulled"}) {
		t.Errorf("got %+v", last)
	}

	out.Reset()
	c = NewClient(NewTracer(&out).Wrap("a", &fake{answers: map[string][]string{"boot": {}}}), Options{})
	_ = c.Boot(context.Background())
	got = readTrace(t, &out)
	if last := got[len(got)-1]; last != (TraceLine{Target: "a", Dir: "<", Error: "EOF"}) {
		t.Errorf("got %+v", last)
	}
}

// TestTracerCannotWrite: the flashing goes on, the failure is kept.
func TestTracerCannotWrite(t *testing.T) {
	r, w := io.Pipe()
	full := errors.New("no space")
	_ = r.CloseWithError(full)
	tr := NewTracer(w)
	c := NewClient(tr.Wrap("a", &fake{answers: map[string][]string{"boot": {"OKAY"}}}), Options{})
	if err := c.Boot(context.Background()); err != nil || !errors.Is(tr.Err(), full) {
		t.Errorf("%v, %v", err, tr.Err())
	}
}
