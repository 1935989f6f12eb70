// A tablet that is booted when its job begins: left as it is, set up, or sent to its
// bootloader.

package flash_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/virtual"
	"github.com/zarya-station/zarya/usb"
)

// runningTablet is a system that is booted; sent closes when it goes to its bootloader.
type runningTablet struct {
	noBootloader error
	sent         chan struct{}
}

func (*runningTablet) HostKey() string                        { return "SHA256:k" }
func (*runningTablet) Serial(context.Context) (string, error) { return "SN1", nil }
func (*runningTablet) Model(context.Context) (string, error)  { return "AGS3-L09", nil }
func (*runningTablet) Boot(context.Context) (string, error)   { return "b", nil }
func (*runningTablet) Close() error                           { return nil }
func (b *runningTablet) Bootloader(context.Context) error {
	if b.noBootloader == nil {
		close(b.sent)
	}
	return b.noBootloader
}

func (*runningTablet) Port() int { return 0 }
func (b *runningTablet) Open(_ context.Context, conn net.Conn, _ string) (flash.Booted, error) {
	return b, conn.Close()
}

// runningTarget is booted until its system was sent to the bootloader.
type runningTarget struct {
	simTarget
	tablet *runningTablet
}

func (b runningTarget) Fastboot(ctx context.Context) (fastboot.Transport, error) {
	select {
	case <-b.tablet.sent:
		return b.simTarget.Fastboot(ctx)
	default:
		return nil, errors.New("it is booted")
	}
}

func (b runningTarget) Dial(context.Context, int) (net.Conn, error) {
	select {
	case <-b.tablet.sent:
		return nil, errors.New("it is in fastboot")
	default:
	}
	near, far := net.Pipe()
	go func() {
		_, _ = io.WriteString(far, "SSH-2.0-t\r\n") // its reader may go before the end
		_ = far.Close()
	}()
	return near, nil
}

// TestRunOnBootedTablet is what a run, and a comparison, does with a tablet that is booted.
func TestRunOnBootedTablet(t *testing.T) {
	says := func(yes bool, err error) func(context.Context, *flash.Session) (bool, error) {
		return func(context.Context, *flash.Session) (bool, error) { return yes, err }
	}
	odd := errors.New("an odd answer")
	for name, c := range map[string]struct {
		flashed      bool // it has the images
		already      bool // its settings are made
		err          error
		check        bool // compare only
		model        string
		noBootloader error
		result       flash.JobResult
		says         string
		steps        string
	}{
		"as it should be":   {flashed: true, already: true, result: flash.Compliant},
		"only its settings": {flashed: true, result: flash.Pass, steps: "changed ok"},
		"flashed anew":      {result: flash.Fail, says: "did not boot", steps: "ok ok fail"},
		"cannot be sent": {noBootloader: errors.New("needs root"), result: flash.Fail,
			says: "cannot be sent to its bootloader: needs root"},
		"another model":          {model: "VRD-W09", flashed: true, result: flash.Fail, says: `the tablet is "AGS3-L09"`},
		"an error":               {flashed: true, err: odd, result: flash.Fail, says: "an odd answer"},
		"compared, as it should": {check: true, already: true, result: flash.Compliant, steps: "already already"},
		"compared, differs":      {check: true, result: flash.Fail, says: "not as the profile says: set", steps: "differs already"},
		"compared, an error":     {check: true, err: odd, result: flash.Fail, says: "an odd answer"},
		"compared, another":      {check: true, model: "VRD-W09", result: flash.Fail, says: `the tablet is "AGS3-L09"`},
		"compared, for later": {check: true, err: flash.ErrLater, result: flash.Fail, says: "not as the profile says: set",
			steps: "differs already"},
	} {
		t.Run(name, func(t *testing.T) {
			var out ran
			inBubble(t, func(_ *testing.T, b *bubble) {
				b.plug("t", "kirin710a-ags3", virtual.Config{Serial: "SN1"})
				tablet := &runningTablet{sent: make(chan struct{}), noBootloader: c.noBootloader}
				set := flash.Step{Name: "set", Needs: usb.Booted, Already: says(c.already, c.err),
					Run: func(_ context.Context, s *flash.Session) error { s.Result(flash.StepChanged); return nil }}
				stamp := flash.Step{Name: "stamp", Needs: usb.Booted, Already: says(true, nil), Flashed: says(c.flashed, nil),
					Run: func(context.Context, *flash.Session) error { return nil }}
				job := flash.Job{ID: "1", Scope: flash.ScopeRun, Target: runningTarget{b.at("t"), tablet}, System: tablet, Check: c.check,
					Boot: time.Second, Steps: []flash.Step{doing(usb.Fastboot, noError), flash.Reboot{Mode: "system"}.Step(), set, stamp}}
				if c.check {
					job.Scope = flash.ScopeProvision
				}
				if c.model != "" {
					job.Require.Products = []string{c.model}
				}
				out.done = b.run(flash.EngineOptions{}, job)[0]
				out.events = b.events
			})
			steps := strings.Join(out.results(), " ")
			if out.done.Result != c.result || !strings.Contains(out.done.Error, c.says) || steps != c.steps {
				t.Errorf("%s\n%+v", steps, out.done)
			}
			for _, err := range checkStates(out.events) {
				t.Error(err)
			}
		})
	}
}
