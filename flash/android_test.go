// A tablet that runs Android first: what may send it to its bootloader, and what must
// leave it alone. A real adb server is in the rig.

package flash_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/virtual"
)

// androidTarget is in Android until it is sent away, and a moment longer.
type androidTarget struct {
	simTarget
	running flash.Running
	missing error // there is no adb server

	mu   sync.Mutex
	sent time.Time // guarded by mu; zero: not yet
}

func (a *androidTarget) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sent.IsZero() || time.Since(a.sent) < time.Second {
		return nil, &flash.Failure{Class: flash.ClassOperator, Err: flash.ErrAndroid, Message: "it runs Android", Hint: "press the keys"}
	}
	return a.simTarget.Fastboot(ctx)
}

func (a *androidTarget) Android(context.Context) (flash.Running, error) {
	r := a.running
	r.Bootloader = func(context.Context) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.sent = time.Now()
		return nil
	}
	return r, a.missing
}

func TestFromAndroid(t *testing.T) {
	images := simImages(t)
	for name, c := range map[string]struct {
		running flash.Running
		missing error
		sent    bool
		result  flash.JobResult
		class   flash.Class // "" is not looked at
		says    string
	}{
		"as asked": {running: flash.Running{Serial: "SN", Model: "AGS3-L09", Battery: 80}, sent: true, result: flash.Pass},
		"battery not told": {running: flash.Running{Serial: "SN", Model: "AGS3-L09", Battery: -1}, sent: true, result: flash.Fail,
			says: "does not report its charge"},
		"serial not told": {running: flash.Running{Model: "AGS3-L09", Battery: 80}, sent: true, result: flash.Pass},
		"another model": {running: flash.Running{Serial: "SN", Model: "VRD-W09", Battery: 80}, result: flash.Fail,
			says: `the tablet is "VRD-W09"`},
		"model not told": {running: flash.Running{Serial: "SN", Battery: 80}, result: flash.Fail, says: "does not report its product"},
		"battery too low": {running: flash.Running{Serial: "SN", Model: "AGS3-L09", Battery: 7}, result: flash.Fail, class: flash.ClassBattery,
			says: "the battery has 7 %, 40 %"},
		"another came back": {running: flash.Running{Serial: "SX", Model: "AGS3-L09", Battery: 80}, sent: true, result: flash.Fail,
			says: "another tablet came back"},
		"no server": {missing: errors.New("no adb server"), result: flash.Fail, says: "cannot be sent to its bootloader: no adb server"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				st := b.plug("t", "kirin710a-ags3", virtual.Config{Serial: "SN", RebootTime: time.Second})
				target := &androidTarget{simTarget: b.at("t"), running: c.running, missing: c.missing}
				results := b.run(flash.EngineOptions{}, flash.Job{ID: "1", Target: target, Scope: flash.ScopeFlash, Profile: "p",
					Require: flash.Requirements{Products: []string{"AGS3-L09"}, MinBattery: 40, Battery: flash.SilenceStops},
					Steps:   []flash.Step{flash.WriteImage{Partition: "boot", Image: images["boot"]}.Step()}})
				if d := results[0]; d.Result != c.result || !strings.Contains(d.Error, c.says) || d.Result == flash.Fail && d.Hint == "" ||
					c.class != "" && d.Class != c.class {
					t.Errorf("%s, class %s: %s (%s)", d.Result, d.Class, d.Error, d.Hint)
				}
				if sent := !target.sent.IsZero(); sent != c.sent {
					t.Errorf("sent to the bootloader: %v", sent)
				}
				if n := len(st.device.State().Flashes); n > 0 != (c.result == flash.Pass) {
					t.Errorf("%d writes", n)
				}
			})
		})
	}
}
