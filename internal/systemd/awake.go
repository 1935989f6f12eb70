// This file keeps the machine from suspending while jobs run, through logind.

package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	logind      = "org.freedesktop.login1"
	logindPath  = "/org/freedesktop/login1"
	inhibitCall = logind + ".Manager.Inhibit"
	askLimit    = 25 * time.Second // as D-Bus has it: a machine that starts is slow
	closeLimit  = 2 * time.Second
)

// answerLimit is for logind alone; a test shortens it.
var answerLimit = askLimit

// Awake keeps this machine from suspending while there is work.
type Awake struct {
	wants chan bool // the newest that was not looked at yet
	end   context.CancelFunc
	ended chan struct{}
}

// KeepAwake begins without work. why is for who asks what holds the machine
// (systemd-inhibit --list). say is told once what does not work, from another goroutine.
func KeepAwake(why string, say func(error)) *Awake {
	ctx, cancel := context.WithCancel(context.Background())
	a := &Awake{wants: make(chan bool, 1), end: cancel, ended: make(chan struct{})}
	go func() {
		defer close(a.ended)
		a.run(ctx, why, say)
	}()
	return a
}

// Working says whether there is work now. It does not wait, and may be called with the
// same value again.
func (a *Awake) Working(now bool) {
	for {
		select {
		case a.wants <- now:
			return
		default:
		}
		select {
		case <-a.wants: // older
		default:
		}
	}
}

// Close lets the machine suspend, and ends. It does not wait for a bus that hangs.
func (a *Awake) Close() {
	a.end()
	select {
	case <-a.ended:
	case <-time.After(closeLimit):
	}
}

func (a *Awake) run(ctx context.Context, why string, say func(error)) {
	var lock *os.File
	var said bool
	release := func() {
		if lock != nil {
			_ = lock.Close() // logind sees the other end
			lock = nil
		}
	}
	defer release()
	var working bool
	for {
		before := working
		select {
		case <-ctx.Done():
			return
		case working = <-a.wants:
		}
		if !working {
			release()
		}
		if !working || before {
			continue // what was refused is not asked for again in the midst of the work
		}
		var err error
		if lock, err = inhibit(why); err == nil || ctx.Err() != nil {
			continue
		}
		if !said {
			said = true
			say(err)
		}
	}
}

// inhibit takes a lock against suspending; closing the file gives it up. Where blocking is
// refused, a delay of some seconds is taken, with an error that says so beside the file.
func inhibit(why string) (*os.File, error) {
	const helps = "suspend can cut a tablet off (sudo systemctl mask sleep.target suspend.target)"
	ctx, cancel := context.WithCancel(context.Background())
	limit := time.AfterFunc(askLimit, cancel)
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	limit.Stop()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("no system bus, so logind cannot be asked; %s: %w", helps, err)
	}
	end := func() { _ = bus.Close(); cancel() } // the lock is the file, not the connection
	var refused error
	for _, mode := range []string{"block", "delay"} {
		call := bus.Object(logind, logindPath).Go(inhibitCall, 0, make(chan *dbus.Call, 1), "sleep", "zarya", why, mode)
		select {
		case <-call.Done:
		case <-time.After(answerLimit):
			// A lock that comes yet would never be given up.
			go func() {
				<-call.Done
				_ = taken(call).Close() // of none is an error, too
				end()
			}()
			return nil, fmt.Errorf("logind does not answer; %s", helps)
		}
		file := taken(call)
		if file == nil {
			refused = errors.Join(refused, call.Err)
			continue
		}
		end()
		if refused != nil {
			return file, fmt.Errorf("logind only delays suspend; %s: %w", helps, refused)
		}
		return file, nil
	}
	end()
	return nil, fmt.Errorf("logind does not hold suspend off; %s: %w", helps, refused)
}

// taken is the file that a call that is done gave, nil if none.
func taken(call *dbus.Call) *os.File {
	var fd dbus.UnixFD
	if call.Err = call.Store(&fd); call.Err != nil {
		return nil
	}
	return os.NewFile(uintptr(fd), "logind's lock") //nolint:gosec // a descriptor
}
