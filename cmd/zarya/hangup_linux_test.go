// A terminal that goes away: a window that is closed, a line that breaks.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/internal/ledger"
)

// onTerminal starts zarya as the leader of a session on a terminal of its own. What is on the
// screen comes with each change.
func onTerminal(t *testing.T, args ...string) (cmd *exec.Cmd, master *os.File, screens <-chan string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this machine gives no pseudo-terminal: ", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var failed error
	if err := raw.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		t.Skip("this machine gives no pseudo-terminal: ", err, failed)
	}
	slave, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("this machine gives no pseudo-terminal: ", err)
	}
	defer slave.Close()
	size := unix.Winsize{Row: 24, Col: 80}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &size); err != nil {
		t.Fatal(err)
	}
	exe, err := exec.LookPath("zarya") // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), exe, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	screen := vt.NewEmulator(80, 24)
	go func() { _, _ = io.Copy(master, screen) }() // what a terminal is asked, it answers
	drawn := make(chan string, 1)
	go func() {
		defer close(drawn)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			_, _ = screen.Write(buf[:n])
			if err != nil {
				_ = screen.InputPipe().(io.Closer).Close()
				return
			}
			select {
			case <-drawn: // nobody looked at that one
			default:
			}
			drawn <- screen.String()
		}
	}()
	return cmd, master, drawn
}

// A station whose terminal goes away finishes the tablet that it flashes, and ends.
func TestAStationEndsWithItsTerminal(t *testing.T) {
	t.Parallel()
	for _, how := range [][]string{nil, {"--plain"}} {
		t.Run(fmt.Sprint("station ", strings.Join(how, " ")), func(t *testing.T) {
			s := startShift(t, 1, 1, "--rate", "6MB")
			db := filepath.Join(s.dir, "ledger.db")
			cmd, master, screens := onTerminal(t, append([]string{"--yes", "--ledger", "sqlite:" + db, "station", "--profile", s.profile,
				"--listen", "none", "--target", "A1=" + s.targets[0]}, how...)...)
			last := ""
			for last = range screens {
				if strings.Contains(last, "flash") {
					break
				}
			}
			if !strings.Contains(last, "flash") {
				t.Fatalf("nothing was flashed:\n%s", last)
			}
			if err := master.Close(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // the test's own end
			defer cancel()
			stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
			defer stop()
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 129 {
				t.Errorf("exit %d, %v", code, cmd.ProcessState)
			}
			l, err := ledger.OpenReader(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			jobs, err := l.Jobs(t.Context())
			if err != nil || len(jobs) != 1 || jobs[0].Result != "pass" {
				t.Errorf("%+v, %v", jobs, err)
			}
		})
	}
}
