// This file has the cases of commands that end without an answer.

package fastboottest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/fastboot"
)

// endCases: the ways in which a command ends without an answer. Each is tried
// while the host waits for a reply, sends data, and receives data.
func endCases() []testCase {
	const short = 50 * time.Millisecond
	errStop := errors.New("the operator stopped it")

	phases := []struct {
		name  string
		reach func(*script) // plays up to the middle of the phase
		call  func(*rig) error
	}{
		{"reply", func(d *script) { d.answer("oem x", "INFOx") },
			func(r *rig) error { _, err := r.OEM(r.ctx, "x"); return err }},
		{"data to the device", func(d *script) {
			d.answer("download:04000000", dataFor(64<<20))
			_, err := d.ReadData(100_000)
			d.must(err)
		}, func(r *rig) error { return r.Download(r.ctx, endless(), nil) }},
		{"data from the device", func(d *script) {
			d.answer("fetch:boot:0x0:0x100000", dataFor(1<<20))
			d.must(d.WriteData(make([]byte, 1000)))
		}, func(r *rig) error { return r.Fetch(r.ctx, "boot", 0, 1<<20, &bytes.Buffer{}) }},
	}
	var cs []testCase
	for _, p := range phases {
		cs = append(cs,
			testCase{"device vanishes: " + p.name, func(t *testing.T, pair Pair) {
				limits := patient
				limits.Idle, limits.Action = 4*short, 4*short // UDP behind a relay is just silent
				r := start(t, pair, limits, func(d *script, _ *rig) {
					p.reach(d)
					_ = d.Close()
				})
				r.lost(p.call(r))
			}},
			testCase{"caller cancels: " + p.name, func(t *testing.T, pair Pair) {
				ctx, cancel := context.WithCancelCause(context.Background())
				defer cancel(nil)
				r := start(t, pair, patient, func(d *script, _ *rig) {
					p.reach(d)
					cancel(errStop)
				})
				r.ctx = ctx
				err := p.call(r)
				r.ctx = context.Background()
				if !errors.Is(err, errStop) {
					t.Errorf("got %v, want the cause", err)
				}
				refused[error](r, err)
			}},
			testCase{"caller's deadline: " + p.name, func(t *testing.T, pair Pair) {
				ctx, cancel := context.WithTimeoutCause(context.Background(), 4*short, errStop)
				defer cancel()
				r := start(t, pair, patient, func(d *script, _ *rig) { p.reach(d) })
				r.ctx = ctx
				if err := p.call(r); !errors.Is(err, errStop) {
					t.Errorf("got %v, want the cause", err)
				}
			}},
			testCase{"close from another goroutine: " + p.name, func(t *testing.T, pair Pair) {
				r := start(t, pair, patient, func(d *script, r *rig) {
					p.reach(d)
					_ = r.Close()
				})
				if err := p.call(r); !errors.Is(err, fastboot.ErrClosed) {
					t.Errorf("got %v, want ErrClosed", err)
				}
			}},
			testCase{"silence: " + p.name, func(t *testing.T, pair Pair) {
				limits := patient
				limits.Idle = 4 * short
				if p.name == "reply" {
					limits.Action = 4 * short // a command has one limit for both
				}
				r := start(t, pair, limits, func(d *script, _ *rig) { p.reach(d) })
				if e := refused[*fastboot.TimeoutError](r, p.call(r)); !e.Timeout() || e.After != 4*short || e.Total != (p.name == "reply") {
					t.Errorf("got %+v", e)
				}
			}},
		)
	}
	return append(cs,
		testCase{"vanished before the command", func(t *testing.T, pair Pair) {
			limits := patient
			limits.Query = 4 * short
			r := start(t, pair, limits, func(d *script, _ *rig) { _ = d.Close() })
			<-r.done
			_, err := r.Getvar(r.ctx, "product")
			r.lost(err)
		}},
		testCase{"silence after the data", func(t *testing.T, pair Pair) {
			limits := patient
			limits.Idle = 4 * short
			r := start(t, pair, limits, func(d *script, _ *rig) {
				d.answer("download:00000004", dataFor(4))
				d.take([]byte("data"))
			})
			if e := refused[*fastboot.TimeoutError](r, r.Download(r.ctx, fastboot.Bytes("data"), nil)); e.Total {
				t.Errorf("got %+v", e)
			}
		}},
		testCase{"INFO does not put off the total limit", func(t *testing.T, pair Pair) {
			limits := patient
			limits.Action = 4 * short
			r := start(t, pair, limits, func(d *script, _ *rig) {
				d.want("download:00000001")
				tick := time.NewTicker(short / 10)
				defer tick.Stop()
				for {
					<-tick.C
					d.say("INFOstill busy")
				}
			})
			if e := refused[*fastboot.TimeoutError](r, r.Download(r.ctx, fastboot.Bytes("x"), nil)); !e.Total {
				t.Errorf("got %+v after %d lines", e, len(r.lines))
			}
		}},
		testCase{"a command after its time is not sent", func(t *testing.T, pair Pair) {
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(errStop)
			r := start(t, pair, patient, func(d *script, _ *rig) { d.answer("getvar:product", "OKAY") })
			if _, err := r.Getvar(ctx, "secure"); !errors.Is(err, errStop) {
				t.Errorf("got %v, want the cause", err)
			}
			_, err := r.Getvar(r.ctx, "product") // nothing was sent, nothing is broken
			r.ok(err)
			r.end()
		}},
		testCase{"a closed client sends nothing", func(t *testing.T, pair Pair) {
			r := start(t, pair, patient, func(d *script, _ *rig) { _, _ = d.ReadCommand() })
			r.ok(r.Close())
			if _, err := r.Getvar(r.ctx, "product"); !errors.Is(err, fastboot.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		}},
	)
}
