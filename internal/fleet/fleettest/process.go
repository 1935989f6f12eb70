//go:build linux

// This file runs servers as an unprivileged user and waits until they say that they are
// ready.

package fleettest

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// program finds an installed program, or skips the test.
func program(t testing.TB, name string) string {
	t.Helper()
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.SortFunc(places, func(a, b string) int { return version(a) - version(b) })
	if len(places) > 0 {
		return places[len(places)-1]
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if path := "/usr/sbin/" + name; isFile(path) {
		return path
	}
	t.Skipf("%s is not installed: make setup installs it", name)
	return ""
}

func isFile(path string) bool { s, err := os.Stat(path); return err == nil && s.Mode().IsRegular() }

// version is 15 for /usr/lib/postgresql/15/bin/postgres.
func version(path string) int {
	n, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return n
}

// unprivileged is who runs the servers: they refuse to be root.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil // the user of the test
	}
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.ParseUint(u.Uid, 10, 32)
			gid, _ := strconv.ParseUint(u.Gid, 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Skip("there is no user who could run PostgreSQL instead of root")
	return nil
}

// folder makes a temporary folder with a short name, for sockets.
func folder(t testing.TB, owner *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "zf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if owner != nil {
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// write writes a file that the servers' user owns.
func write(t testing.TB, path, text string, owner *syscall.Credential) {
	t.Helper()
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil && owner != nil {
		err = os.Chown(path, int(owner.Uid), int(owner.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it is gone and all it said was read

	mu  sync.Mutex
	log []string // guarded by mu: its last lines
}

// run starts a server; isReady is asked of each line that it says. ok is false if it ended
// before one was it.
func run(t testing.TB, as *syscall.Credential, dir string, isReady func(line string) bool,
	name string, args ...string) (p *process, ok bool) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	// With the test's process the servers go too.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p = &process{cmd: cmd, done: make(chan struct{})}
	ready := make(chan struct{})
	go p.follow(said, isReady, ready)
	select {
	case <-ready:
		return p, true
	case <-p.done:
		return p, false
	case <-time.After(10 * time.Minute): // no server takes so long; the test would hang
		_ = cmd.Process.Kill()
		t.Fatalf("%s does not come up: %s", name, p.said())
		return p, false
	}
}

// follow reads what the server says until it is gone: its children have the pipe too, so
// the pipe ends when the last of them does.
func (p *process) follow(r io.Reader, isReady func(string) bool, ready chan<- struct{}) {
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		p.log = append(p.log, s.Text())
		p.log = p.log[max(0, len(p.log)-50):]
		p.mu.Unlock()
		if ready != nil && isReady(s.Text()) {
			close(ready)
			ready = nil
		}
	}
	_ = p.cmd.Wait() // killed, most of the time
	close(p.done)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log, "\n")
}

// end sends a signal and waits until the server and its children are gone.
func (p *process) end(s syscall.Signal) {
	_ = p.cmd.Process.Signal(s)
	<-p.done
}
