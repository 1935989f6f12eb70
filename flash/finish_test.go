// This file ends the way into a tablet, and looks what passes: only a tablet that is on
// and refuses.

package flash_test

import (
	"context"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
	"github.com/zarya-station/zarya/usb"
)

// finishTarget connects otherwise in the end.
type finishTarget struct {
	simTarget
	end   *atomic.Bool
	after func() (net.Conn, error) // nil: as before
}

func (t finishTarget) Dial(ctx context.Context, port int) (net.Conn, error) {
	if t.after != nil && t.end.Load() {
		return t.after()
	}
	return t.simTarget.Dial(ctx, port)
}

func TestFinish(t *testing.T) {
	images := wholeImages(t)
	silent := func() (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	mute := func() (net.Conn, error) { near, _ := memnet.Pipe("host", "tablet"); return near, nil }
	nothing := [][]string{{"/bin/true"}} // which leaves the server as it is
	const open = "still lets SSH in"
	const unseen = "was not seen to refuse SSH"
	for _, c := range []struct {
		name   string
		finish provision.Finish
		after  func() (net.Conn, error)
		says   string // "" passes
		mode   string // afterwards
	}{
		{"refuses", provision.Finish{Disable: provision.DisableDeveloperMode}, nil, "", "system"},
		{"refuses, then goes off", provision.Finish{Disable: provision.DisableDeveloperMode, Power: true}, nil, "", "off"},
		{"is off", provision.Finish{Power: true}, nil, "", "off"},
		{"still open", provision.Finish{Disable: nothing}, nil, open, "system"},
		{"still open until it goes off", provision.Finish{Disable: nothing, Power: true}, nil, open, "off"},
		{"unplugged", provision.Finish{Disable: provision.DisableDeveloperMode}, silent, unseen, "system"},
		{"unplugged, then off", provision.Finish{Disable: provision.DisableDeveloperMode, Power: true}, silent, unseen, "off"},
		{"mute", provision.Finish{Disable: nothing}, mute, unseen, "system"},
		{"mute and on", provision.Finish{Power: true}, mute, "still answers", "off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var done flash.JobDone
			var mode string
			inBubble(t, func(_ *testing.T, b *bubble) {
				st := b.plug("t", "kirin710a-ags3", virtual.Config{MaxDownload: 8 << 20,
					Partitions: map[string]int64{"system": 13 << 20, "boot": 9 << 20, "vbmeta": 64 << 10, "userdata": 1 << 20}})
				steps := []flash.Step{flash.Erase{Partition: "userdata"}.Step()}
				for _, part := range []string{"vbmeta", "boot", "system"} {
					steps = append(steps, flash.WriteImage{Partition: part, Image: images[part]}.Step())
				}
				end := &atomic.Bool{}
				begin := doing(usb.Booted, func() error { end.Store(true); return nil })
				done = b.run(flash.EngineOptions{}, flash.Job{
					ID: "0", Scope: flash.ScopeRun, Boot: time.Minute, Target: finishTarget{b.at("t"), end, c.after},
					Steps: append(steps, flash.Reboot{Mode: "system"}.Step(), begin, c.finish.Step()), System: virtualLogin(),
				})[0]
				<-time.After(time.Minute) // of the bubble: until it is off
				synctest.Wait()
				mode = st.device.State().Mode
			})
			failed := done.Result == flash.Fail && done.Class == flash.ClassDevice && strings.Contains(done.Error, c.says)
			if c.says == "" && done.Result != flash.Pass || c.says != "" && !failed {
				t.Errorf("%+v", done)
			}
			if mode != c.mode {
				t.Errorf("afterwards it is in mode %s, not %s", mode, c.mode)
			}
		})
	}
}
