package provision

import (
	"context"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/virtual/memnet"
)

// forgetful is a booted tablet whose only setting may not stay what it was set to.
type forgetful struct {
	net.Conn
	value string
	keeps bool
}

func (*forgetful) HostKey() string                        { return "SHA256:x" }
func (*forgetful) Serial(context.Context) (string, error) { return "SN", nil }
func (*forgetful) Model(context.Context) (string, error)  { return "X", nil }
func (*forgetful) Boot(context.Context) (string, error)   { return "boot", nil }
func (*forgetful) Bootloader(context.Context) error       { return nil }
func (*forgetful) Port() int                              { return 22 }
func (*forgetful) Where() flash.Where                     { return flash.Where{Address: "mem:x"} }

func (f *forgetful) Open(_ context.Context, conn net.Conn, _ string) (flash.Booted, error) {
	f.Conn = conn
	return f, nil
}

func (*forgetful) Fastboot(context.Context) (fastboot.Transport, error) { return nil, net.ErrClosed }

func (*forgetful) Dial(context.Context, int) (net.Conn, error) {
	near, far := memnet.Pipe("host", "tablet")
	_, err := far.Write([]byte("SSH-2.0-sim\r\n"))
	return near, err
}

// TestReadBack: a setting is made only when it reads back as it was written.
func TestReadBack(t *testing.T) {
	for _, keeps := range []bool{true, false} {
		tablet := &forgetful{keeps: keeps, value: "old"}
		sets := 0
		made := setting{name: "hostname",
			want: func(context.Context, *flash.Session) (string, error) { return "new", nil },
			get:  func(context.Context, *flash.Session) (string, error) { return tablet.value, nil },
			set: func(context.Context, *flash.Session) error {
				if sets++; keeps {
					tablet.value = "new"
				}
				return nil
			}}
		var done flash.JobDone
		synctest.Test(t, func(t *testing.T) {
			events := flash.NewEvents("sim", func(flash.Event) {})
			done = flash.NewEngine(flash.EngineOptions{Events: events}).Run(t.Context(), []flash.Job{{
				ID: "0", Scope: flash.ScopeProvision, Target: tablet, System: tablet, Steps: []flash.Step{made.Step()},
			}})[0]
			events.Close()
		})
		if sets != 1 {
			t.Errorf("keeps %v: set %d times", keeps, sets)
		}
		if keeps && done.Result != flash.Pass {
			t.Errorf("%+v", done)
		}
		if !keeps && (done.Result != flash.Fail || done.Class != flash.ClassDevice || !strings.Contains(done.Error, "does not read back") ||
			strings.Contains(done.Error, "new")) {
			t.Errorf("not kept: %+v", done)
		}
	}
}
