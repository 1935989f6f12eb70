// The inhibitor, on a bus of its own with a logind that is none.

package systemd

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// startBus starts a bus that takes the place of the system's.
func startBus(t *testing.T) {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("there is no dbus-daemon here")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	text := fmt.Sprintf(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/></policy>
</busconfig>`, dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), daemon, "--config-file="+config, "--nofork", "--nosyslog", "--print-address=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", strings.TrimSpace(address))
}

// login is a logind: it gives locks in the modes that it allows, and keeps what was asked.
type login struct {
	allows string
	asked  chan string
	locks  chan *os.File // the other ends of what it gave
	gone   chan bool     // its own copy of a lock is closed
	think  chan bool     // if it allows something slowly, it answers when this has a value
}

func (l *login) Inhibit(what, who, why, mode string) (dbus.UnixFD, *dbus.Error) {
	l.asked <- strings.Join([]string{what, who, why, mode}, "|")
	if strings.Contains(l.allows, "slowly") {
		<-l.think
	}
	if !strings.Contains(l.allows, mode) {
		return 0, dbus.NewError("org.freedesktop.DBus.Error.AccessDenied", []any{"Permission denied"})
	}
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return 0, dbus.MakeFailedError(err)
	}
	l.locks <- os.NewFile(uintptr(p[0]), "lock")
	// The bus takes a copy when the reply is sent, and nobody tells when that is.
	time.AfterFunc(2*time.Second, func() { _ = unix.Close(p[1]); l.gone <- true })
	return dbus.UnixFD(p[1]), nil
}

func startLogin(t *testing.T, allows string) *login {
	t.Helper()
	conn, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	l := &login{allows, make(chan string, 1000), make(chan *os.File, 1000), make(chan bool, 1000), make(chan bool, 1)}
	if err := conn.Export(l, logindPath, logind+".Manager"); err != nil {
		t.Fatal(err)
	}
	if reply, err := conn.RequestName(logind, dbus.NameFlagDoNotQueue); err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(reply, err)
	}
	return l
}

// givenUp waits until a lock is given up.
func givenUp(t *testing.T, f *os.File) {
	t.Helper()
	if _, err := io.ReadAll(f); err != nil { // until nobody has the other end
		t.Error(err)
	}
}

func TestAwake(t *testing.T) {
	startBus(t)
	l := startLogin(t, "block")
	said := make(chan error, 10)
	a := KeepAwake("tablets are written", func(err error) { said <- err })
	a.Working(true)
	a.Working(true)
	if got := <-l.asked; got != "sleep|zarya|tablets are written|block" {
		t.Error(got)
	}
	first := <-l.locks
	a.Working(true)
	<-l.gone
	poll := []unix.PollFd{{Fd: int32(first.Fd())}}
	if _, err := unix.Poll(poll, 0); err != nil || poll[0].Revents != 0 {
		t.Errorf("the lock is not held while there is work: %x, %v", poll[0].Revents, err)
	}
	a.Working(false)
	givenUp(t, first)
	a.Working(true)
	<-l.asked
	second := <-l.locks
	a.Close()
	givenUp(t, second)
	if len(l.asked) > 0 || len(said) > 0 {
		t.Errorf("%d more locks, %d complaints", len(l.asked), len(said))
	}
}

// TestLockEndsWithProcess: programs that this one starts do not get the lock.
func TestLockEndsWithProcess(t *testing.T) {
	startBus(t)
	l := startLogin(t, "block")
	lock, err := inhibit("test")
	if err != nil {
		t.Fatal(err)
	}
	flags, err := unix.FcntlInt(lock.Fd(), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("%x, %v", flags, err)
	}
	_ = lock.Close()
	givenUp(t, <-l.locks)
}

func TestAwakeOnlyDelays(t *testing.T) {
	startBus(t)
	l := startLogin(t, "delay")
	said := make(chan error, 10)
	a := KeepAwake("x", func(err error) { said <- err })
	for range 2 {
		a.Working(true)
		if b, d := <-l.asked, <-l.asked; b != "sleep|zarya|x|block" || d != "sleep|zarya|x|delay" {
			t.Error(b, d)
		}
		a.Working(true)
		a.Working(false)
		givenUp(t, <-l.locks)
	}
	a.Close()
	if err := <-said; len(said) > 0 || !strings.HasPrefix(err.Error(), "logind only delays suspend; ") ||
		!strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("%v, and %d more", err, len(said))
	}
}

// TestLateLock: a lock that comes after nobody waits for it is given up.
func TestLateLock(t *testing.T) {
	startBus(t)
	l := startLogin(t, "block slowly")
	answerLimit = 20 * time.Millisecond
	t.Cleanup(func() { answerLimit = askLimit })
	lock, err := inhibit("test")
	if lock != nil || err == nil || !strings.HasPrefix(err.Error(), "logind does not answer; ") {
		t.Fatal(lock, err)
	}
	l.think <- true
	givenUp(t, <-l.locks)
}

// TestRefused: a lock that is refused is asked for once while there is work.
func TestRefused(t *testing.T) {
	startBus(t)
	l := startLogin(t, "")
	said := make(chan error, 10)
	a := KeepAwake("x", func(err error) { said <- err })
	a.Working(true)
	<-said
	for range 5 {
		a.Working(true)
		for len(a.wants) > 0 { // until it was looked at
			runtime.Gosched()
		}
	}
	a.Close()
	if len(l.asked) != 2 { // to block, to delay
		t.Errorf("asked %d times", len(l.asked))
	}
}

// TestNoBus: it is said once, and the work goes on.
func TestNoBus(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T){
		"no system bus, so logind cannot be asked; ": func(t *testing.T) {
			t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
		},
		"logind does not hold suspend off; ": startBus, // without a logind
		"logind does not hold suspend off;":  func(t *testing.T) { startBus(t); startLogin(t, "") },
	} {
		t.Run(name, func(t *testing.T) {
			prepare(t)
			said := make(chan error, 10)
			a := KeepAwake("x", func(err error) { said <- err })
			a.Working(true)
			if err := <-said; !strings.HasPrefix(err.Error(), name) || !strings.Contains(err.Error(), "systemctl mask") {
				t.Error(err)
			}
			for range 100 {
				a.Working(false)
				a.Working(true)
			}
			a.Close()
			if len(said) > 0 {
				t.Errorf("said again: %v", <-said)
			}
		})
	}
}
