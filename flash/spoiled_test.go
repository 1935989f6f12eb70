// This file changes an image while it is sent: the tablet that gets it fails, and no
// other is begun.

package flash_test

import (
	"context"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/virtual"
)

// meddler changes a file when the first data goes over a wire.
type meddler struct {
	fastboot.Transport
	once *sync.Once
	do   func()
}

func (m meddler) WriteData(ctx context.Context, p []byte) error {
	m.once.Do(m.do)
	return m.Transport.WriteData(ctx, p)
}

func TestSpoiledImage(t *testing.T) {
	im, path, content := noiseImage(t, 300<<10)
	var once sync.Once
	var results []flash.JobDone
	inBubble(t, func(t *testing.T, b *bubble) {
		b.wire = func(tr fastboot.Transport) fastboot.Transport {
			return meddler{tr, &once, func() {
				if err := os.WriteFile(path, content[1:], 0o600); err != nil {
					t.Error(err)
				}
			}}
		}
		var jobs []flash.Job
		for i := range 4 {
			name := strconv.Itoa(i)
			b.plug(name, "mt8768-kob2", virtual.Config{MaxDownload: 64 << 10, Partitions: map[string]int64{"system": 1 << 20}})
			jobs = append(jobs, flash.Job{ID: name, Target: b.at(name), Scope: flash.ScopeFlash,
				Steps: []flash.Step{flash.WriteImage{Partition: "system", Image: im}.Step()}})
		}
		results = b.run(flash.EngineOptions{Admission: admission.New(admission.Options{Concurrency: 1})}, jobs...)
	})
	if r := results[0]; r.Result != flash.Fail || r.Class != flash.ClassStation {
		t.Errorf("the tablet that was sent the image: %+v", r)
	}
	for _, r := range results[1:] {
		if r.Result != flash.Skipped || r.Class != flash.ClassStation || !r.Retryable {
			t.Errorf("a tablet after it: %+v", r)
		}
	}
}
