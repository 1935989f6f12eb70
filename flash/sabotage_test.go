// This file breaks each invariant of the simulation once, to see that its check
// would notice.

package flash_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
)

// badWire is a transport with a fault of the host's own making.
type badWire struct {
	fastboot.Transport
	flip    bool         // one bit of each large write
	lie     bool         // FAIL becomes OKAY
	silence *atomic.Bool // once set, every tablet's wire is dead
}

func (b badWire) WriteData(ctx context.Context, p []byte) error {
	if b.flip && len(p) > 4096 {
		p = bytes.Clone(p)
		p[len(p)/2] ^= 1
	}
	if b.silence != nil && b.silence.Swap(true) {
		_ = b.Close()
	}
	return b.Transport.WriteData(ctx, p)
}

func (b badWire) ReadPacket(ctx context.Context, p []byte) (int, error) {
	n, err := b.Transport.ReadPacket(ctx, p)
	if b.lie && n >= 4 && string(p[:4]) == "FAIL" {
		copy(p, "OKAY")
	}
	return n, err
}

func TestSimulationCatches(t *testing.T) {
	images := simImages(t)
	var dead atomic.Bool
	tests := map[string]func(*world){
		"bytes other than those verified": func(w *world) {
			w.wire = func(t fastboot.Transport) fastboot.Transport { return badWire{Transport: t, flip: true} }
		},
		"a refusal taken for success": func(w *world) {
			w.wire = func(t fastboot.Transport) fastboot.Transport { return badWire{Transport: t, lie: true} }
		},
		"one tablet's fault is another's": func(w *world) {
			w.wire = func(t fastboot.Transport) fastboot.Transport { return badWire{Transport: t, silence: &dead} }
		},
		"a lost result": func(w *world) {
			w.sink = func(e flash.Event) bool { _, is := e.Body.(flash.JobDone); return !is || e.Job != "3" }
		},
		"a step that never ends": func(w *world) {
			w.sink = func(e flash.Event) bool { _, is := e.Body.(flash.StepDone); return !is || e.Job != "5" }
		},
	}
	for name, sabotage := range tests {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed < 10; seed++ {
				w := &world{seed: seed, images: images}
				sabotage(w)
				synctest.Test(t, func(t *testing.T) { simulate(t, w) })
				if wrong := w.check(); len(wrong) > 0 {
					t.Logf("caught: %v", wrong[0])
					return
				}
			}
			t.Error("nine schedules, and nothing was noticed")
		})
	}
}
