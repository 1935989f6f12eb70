// The nest of TestNested: its tablets, each in a namespace of its own, and their cables.

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/runs"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/ui"
	"github.com/zarya-station/zarya/profiles"
)

// nest is the tablets of one test.
type nest struct {
	t       *testing.T
	dir     string
	tablets []*nestedTablet
}

type nestedTablet struct {
	name  string // of the client's end of its cable
	cmd   *exec.Cmd
	stdin io.WriteCloser
	said  lockedBuffer
	lines chan string // ready, and "done WORD" for each word that it was told
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func startNest(t *testing.T, count int) *nest {
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("proc", "/proc", "proc", 0, ""))
	t.Cleanup(func() { _ = unix.Unmount("/proc", unix.MNT_DETACH) })
	sh(t, "ip", "link", "set", "lo", "up")
	n := &nest{t: t, dir: t.TempDir()}
	n.write("su.c", nestedSu)
	sh(t, "cc", "-O", "-o", filepath.Join(n.dir, "devel-su"), filepath.Join(n.dir, "su.c"))
	for i := range count {
		n.start(i)
	}
	for _, tab := range n.tablets {
		tab.await(t, "ready")
	}
	return n
}

// start makes a tablet and the cable to it: a pair of interfaces.
func (n *nest) start(i int) {
	t := n.t
	root := filepath.Join(n.dir, fmt.Sprint(i))
	must(t, os.Mkdir(root, 0o755))
	self, err := os.Executable()
	must(t, err)
	openssh, err := filepath.Abs("../../.tools/openssh")
	must(t, err)
	tab := &nestedTablet{name: fmt.Sprintf("t%d", i), lines: make(chan string, 16)}
	tab.cmd = exec.Command(self)
	tab.cmd.Args = []string{"nested-tablet", root, fmt.Sprint(i), openssh, filepath.Join(n.dir, "devel-su")}
	tab.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: nestedFlags, Pdeathsig: syscall.SIGKILL}
	out, err := tab.cmd.StdoutPipe()
	must(t, err)
	tab.cmd.Stderr = &tab.said
	tab.stdin, err = tab.cmd.StdinPipe()
	must(t, err)
	must(t, tab.cmd.Start())
	t.Cleanup(func() { _ = tab.cmd.Process.Kill(); _ = tab.cmd.Wait() })
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			line := scan.Text()
			fmt.Fprintln(&tab.said, line)
			if line == "ready" || strings.HasPrefix(line, "done ") {
				tab.lines <- line
			}
		}
	}()
	sh(t, "ip", "link", "add", tab.name, "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprint(tab.cmd.Process.Pid))
	sh(t, "ip", "link", "set", tab.name, "up")
	if i == 0 { // one address of the network is enough for all of them
		sh(t, "ip", "addr", "add", "192.168.2.1/24", "dev", tab.name)
	}
	_, err = io.WriteString(tab.stdin, "cable\n")
	must(t, err)
	n.tablets = append(n.tablets, tab)
}

// tell makes a tablet do what its side understands: fill, free.
func (n *nest) tell(i int, word string) {
	_, err := io.WriteString(n.tablets[i].stdin, word+"\n")
	must(n.t, err)
	n.tablets[i].await(n.t, "done "+word)
}

// await waits for a line of the tablet's.
func (tab *nestedTablet) await(t *testing.T, line string) {
	t.Helper()
	select {
	case got := <-tab.lines:
		if got != line {
			t.Fatalf("%s says %q, not %q", tab.name, got, line)
		}
	case <-time.After(10 * time.Minute):
		t.Fatalf("%s does not say %q:\n%s", tab.name, line, tab.said.String())
	}
}

// cable is a target at the end of an interface, as a port's is.
type cable struct {
	name  string
	then  string                   // the interface after a connection was broken; "": the same
	cut   int64                    // bytes after which a connection breaks, once; 0: never
	dial  func() (net.Conn, error) // in place of a tablet; nil: none
	broke *atomic.Bool
}

func (c cable) String() string     { return c.name }
func (c cable) Where() flash.Where { return flash.Where{Port: c.name} }

func (c cable) Fastboot(context.Context) (fastboot.Transport, error) {
	return nil, errors.New("there is no fastboot here")
}

func (c cable) Dial(ctx context.Context, port int) (net.Conn, error) {
	if c.dial != nil {
		return c.dial()
	}
	name := c.name
	if c.then != "" && c.broke.Load() {
		name = c.then
	}
	d := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		cerr := raw.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), name) })
		return errors.Join(cerr, err)
	}}
	conn, err := d.DialContext(ctx, "tcp", fmt.Sprintf("192.168.2.15:%d", port))
	if err == nil && c.cut > 0 {
		conn = &cutConn{Conn: conn, left: c.cut, broke: c.broke}
	}
	return conn, err
}

// cutConn breaks after so many bytes to the tablet, if none has before.
type cutConn struct {
	net.Conn
	left  int64 // used by SSH's one writer
	broke *atomic.Bool
}

func (c *cutConn) Write(p []byte) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 && c.broke.CompareAndSwap(false, true) {
		return 0, errors.Join(io.ErrClosedPipe, c.Close())
	}
	return c.Conn.Write(p)
}

// provision runs a profile on targets, with the ledger, and gives the results and all
// that was told.
func (n *nest) provision(profile string, targets ...cable) (results []flash.JobDone, told string, took time.Duration) {
	t := n.t
	a := newApp(strings.NewReader(""), io.Discard, io.Discard, "")
	a.Quiet, a.Ledger = true, "sqlite:"+filepath.Join(n.dir, "ledger.db")
	defer a.watchSignals()()
	p, err := a.Recipe(&runs.Options{Profile: profile, Trust: recipe.StationTrust}, flash.ScopeProvision)
	must(t, err)
	defer p.Close()
	var list []target.Target
	for i := range targets {
		targets[i].broke = &atomic.Bool{}
		list = append(list, targets[i])
	}
	run := runs.NewID()
	l, err := ledger.Open(t.Context(), filepath.Join(n.dir, "ledger.db"), "nest")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	var lines lockedBuffer
	events := flash.NewEvents(run, func(e flash.Event) {
		b, err := ui.EncodeEvent(e)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&lines, "%s\n", b)
	})
	events.Hide(a.Secrets)
	o := flash.EngineOptions{Events: events, Recorder: l, Secrets: a.Secrets}
	if p.Profile().Identity != nil {
		o.Identities = p.HideIdentities(pool.NewSupply(l, a.Key()), a.Secrets)
	}
	var jobs []flash.Job
	for i, t := range list {
		jobs = append(jobs, p.Job(fmt.Sprintf("%s-%d", run, i+1), t))
	}
	start := time.Now()
	results = flash.NewEngine(o).Run(t.Context(), jobs)
	took = time.Since(start)
	events.Close()
	return results, lines.String(), took
}

func (n *nest) write(name, text string) string {
	file := filepath.Join(n.dir, name)
	must(n.t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(n.t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// holds looks at the tablets from inside.
func (n *nest) holds() {
	t := n.t
	ids, hosts := map[string]int{}, map[string]int{}
	for i := range n.tablets {
		n.tell(i, "show")
		said := n.tablets[i].said.String()
		value := func(key string) string {
			_, rest, _ := strings.Cut(said, "show "+key+"=")
			v, _, _ := strings.Cut(rest, "\n")
			return v
		}
		ids[value("machine-id")]++
		hosts[value("hostname")]++
		for key, want := range map[string]string{
			"kiosk": fmt.Sprintf("C-%03d 5.1.0.100", -1), "url": fmt.Sprintf("'https://census.example/SN%04d'", i), "level": "3",
			"big": "1048576 defaultuser 644", "kiosk-mode": "root 640", "package": "3.2.1",
			"agent": "enabled", "debug": "masked", "wizard": "yes", "anchor": "yes", "left": "",
			"zone": "/usr/share/zoneinfo/Europe/Moscow", "locale": "LANG=ru_RU.UTF-8",
		} {
			got := value(key)
			if key == "kiosk" {
				if !strings.HasPrefix(got, "C-") || !strings.HasSuffix(got, " 5.1.0.100") {
					t.Errorf("tablet %d: kiosk.conf is %q", i, got)
				}
				continue
			}
			if got != want {
				t.Errorf("tablet %d: %s is %q, not %q", i, key, got, want)
			}
		}
	}
	if len(ids) != len(n.tablets) || len(hosts) != len(n.tablets) {
		t.Errorf("machine-ids %v, hostnames %v", ids, hosts)
	}
}

// trouble is what can go wrong with a tablet.
func (n *nest) trouble() {
	t := n.t
	plain := "zarya: 1\nname: small\ntablet: {models: [AGS3-L09]}\n" +
		"ssh: {user: defaultuser, password: aurora-login, root: devel-su, root-password: aurora-root}\n" +
		"provision:\n"
	one := func(what, steps string, c cable, class flash.Class, words string) {
		t.Helper()
		results, told, _ := n.provision(n.write(what+".yaml", plain+steps), c)
		if r := results[0]; r.Result != flash.Fail || r.Class != class || !strings.Contains(r.Error+r.Hint, words) {
			t.Errorf("%s: %+v\n%s", what, r, told)
		}
	}
	// A server that accepts and says nothing; one that says something else.
	for what, greeting := range map[string]string{"silent": "", "other": "220 mail\r\n"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		var open sync.WaitGroup
		open.Go(func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(c, greeting)
				defer func() { _ = c.Close() }()
			}
		})
		dial := func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
		one(what, "  - hostname: x\n", cable{name: what, dial: dial}, flash.ClassTimeout, "no system answers")
		_ = listener.Close()
		open.Wait()
	}
	// Another tablet in mid-job: its host key is another.
	one("swapped", "  - file: {from: big.bin, to: /home/defaultuser/swapped.bin}\n",
		cable{name: "t1", then: "t2", cut: 300_000}, flash.ClassDevice, "the host key is")
	// A step that asks for a password gets none, and ends.
	one("asks", "  - exec: {argv: [/usr/local/bin/asks]}\n", cable{name: "t3"}, flash.ClassDevice, "Password:")
	// One that never ends is ended.
	one("endless", "  - exec: {argv: [/bin/sleep, 1000], timeout: 300ms}\n",
		cable{name: "t3"}, flash.ClassTimeout, "did not answer within 300ms")
	// A wrong root password.
	wrong := n.write("wrong.yaml", strings.Replace(plain, "aurora-root", "wrong-one", 1)+"  - hostname: x\n")
	results, _, _ := n.provision(wrong, cable{name: "t3"})
	if r := results[0]; r.Class != flash.ClassProfile || strings.Contains(r.Error, "wrong-one") {
		t.Errorf("a wrong root password: %+v", r)
	}
	// A full disk, then room again: nothing half written is left.
	n.tell(4, "fill")
	one("full", "  - file: {from: big.bin, to: /home/defaultuser/full.bin}\n", cable{name: "t4"}, flash.ClassDevice, "no room left")
	n.tell(4, "free")
	results, told, _ := n.provision(filepath.Join(n.dir, "full.yaml"), cable{name: "t4"})
	if results[0].Result != flash.Pass {
		t.Errorf("room again: %+v\n%s", results[0], told)
	}
	// Finished: nobody gets in any more.
	finish := n.write("finish.yaml", plain+"  - hostname: last\n"+
		"finish:\n  - lock-state: {leave: unlocked, because: a test}\n  - developer-mode: disabled\n")
	results, told, _ = n.provision(finish, cable{name: "t6"})
	if results[0].Result != flash.Pass || !strings.Contains(told, `"step":"developer-mode:disabled"`) {
		t.Errorf("finish: %+v\n%s\n%s", results[0], told, n.tablets[6].said.String())
	}
	one("closed", "  - hostname: x\n", cable{name: "t6"}, flash.ClassTimeout, "no system answers")
	if _, err := profiles.Load(finish, profiles.Settings{}); err != nil {
		t.Error(err)
	}
}
