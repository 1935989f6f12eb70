// The command line, tested as scripts use it: testdata/script has one script or
// more for every verb, run against virtual tablets on real sockets.

package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/fleet/fleettest"
	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/registry/registrytest"
	"github.com/zarya-station/zarya/usb"
)

// TestMain makes this binary also the program: scripts and tests run it as zarya.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"zarya": main, "zarya-small-disk": smallDisk, "zarya-few-files": fewFiles,
		"zarya-slow-clock": slowClock, "nested-tablet": nestedTabletMain,
	})
}

// smallDisk is zarya on a disk with little room.
func smallDisk() {
	limit := unix.Rlimit{Cur: 140 << 10, Max: 140 << 10} // a new ledger fits, and little more
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	main()
}

// fewFiles is zarya with few open files.
func fewFiles() {
	limit := unix.Rlimit{Cur: 64, Max: 64}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	main()
}

type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	state, err := os.MkdirTemp("", "zarya-state-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(state)
	if cache, err := exec.Command("go", "env", "GOCACHE").Output(); err == nil {
		os.Setenv("GOCACHE", strings.TrimSpace(string(cache))) // else it is in the folder that is made below
	}
	os.Setenv("ZARYA_LOCK_DIR", filepath.Join(state, "locks"))
	os.Setenv("XDG_CACHE_HOME", state)
	os.Setenv("XDG_STATE_HOME", state) // nothing is recorded in the home of whoever tests
	if raceDetector && os.Getenv("GORACE") == "" {
		os.Setenv("GORACE", "atexit_sleep_ms=20") // zarya waits for its goroutines; a second more at each exit finds nothing
	}
	code := m.M.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	return code
}

func TestScripts(t *testing.T) {
	t.Parallel()
	docs, err := filepath.Abs("../../docs")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Vars = append(env.Vars, "NO_COLOR=1", "XDG_STATE_HOME="+env.WorkDir+"/state",
				"XDG_CONFIG_HOME="+env.WorkDir+"/config", "XDG_CACHE_HOME="+env.WorkDir+"/cache",
				"ZARYA_LOCK_DIR="+env.WorkDir+"/locks", "DOCS="+docs, "GORACE="+os.Getenv("GORACE"))
			env.Values["tb"], env.Values["servers"] = env.T(), map[string]*fleettest.Server{}
			env.Values["registries"] = map[string]*registrytest.Registry{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "tablets": tablets, "image": makeImage, "listener": listener, "sql": sqlExec,
			"hold": hold, "lock": lock, "rpm": makeRPM, "registry": startRegistry, "fleet": startFleet,
		},
	})
}

// exits CODE COMMAND… runs a command and holds it to its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, not %s", code, args[0])
	}
}

// lock NAME takes a tablet as another process would, until the script ends.
func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock NAME")
	}
	release, err := usb.Lock(ts.Getenv("ZARYA_LOCK_DIR"), "net:"+strings.TrimPrefix(args[0], "tcp:"), "a test")
	ts.Check(err)
	ts.Defer(func() { ts.Check(release()) })
}

// registry NAME runs a registry and makes $NAME its address; with an address after it, a mirror
// of that one. registry kill NAME ends it as a power cut does.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case len(args) == 2 && args[0] == "kill":
		ts.Value("registries").(map[string]*registrytest.Registry)[args[1]].Kill()
		return
	case neg || len(args) < 1 || len(args) > 2:
		ts.Fatalf("usage: registry NAME [ORIGIN], registry kill NAME")
	}
	more := ""
	if len(args) == 2 {
		more = "proxy: {remoteurl: 'http://" + args[1] + "'}\n"
	}
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o700))
	r, err := registrytest.Start(dir, registrytest.Options{More: more})
	ts.Check(err)
	ts.Defer(r.Close)
	ts.Setenv(args[0], r.Addr)
	ts.Value("registries").(map[string]*registrytest.Registry)[args[0]] = r
}

// fleet starts PostgreSQL with an empty database until the script ends: $OWNER and $ANNA are
// its URLs for the owner and a supervisor, $FLEET is that without a login. fleet stop stops it, fleet
// start starts it again, fleet sql STATEMENT changes the database behind everybody's back.
func startFleet(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg:
	case len(args) == 0:
		s := fleettest.StartEmpty(ts.Value("tb").(testing.TB))
		ts.Value("servers").(map[string]*fleettest.Server)[""] = s
		ts.Setenv("OWNER", s.URL(fleettest.Owner))
		ts.Setenv("ANNA", s.URL(fleettest.Supervisor))
		ts.Setenv("FLEET", s.StationURL())
		return
	case args[0] == "stop":
		ts.Value("servers").(map[string]*fleettest.Server)[""].Stop()
		return
	case args[0] == "start":
		ts.Value("servers").(map[string]*fleettest.Server)[""].Restart()
		return
	case args[0] == "sql" && len(args) == 2:
		ts.Value("servers").(map[string]*fleettest.Server)[""].Exec(args[1])
		return
	}
	ts.Fatalf("usage: fleet, fleet stop, fleet start, fleet sql STATEMENT")
}

// hold FILE holds a database against everybody until the script ends.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold FILE")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec("CREATE TABLE t (x); BEGIN EXCLUSIVE")
	ts.Check(err)
	ts.Defer(func() { ts.Check(db.Close()) })
}

// sql FILE STATEMENTS does to a ledger what its program never would.
func sqlExec(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sql FILE STATEMENTS")
	}
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = db.Exec(args[1])
	ts.Check(err)
	ts.Check(db.Close())
}

// tablets NAME [FLAG…] starts zarya virtual on free ports, waits until it is
// ready, and sets $NAME1, $NAME2 … to the addresses. State is in $WORK/NAME.
func tablets(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: tablets NAME [FLAG…]")
	}
	name, flags := args[0], args[1:]
	proto := "tcp"
	if len(flags) > 0 && flags[0] == "--udp" {
		proto, flags = "udp", flags[1:]
	}
	zarya := lookZarya(ts)
	cmd := exec.Command(zarya, append([]string{"virtual", "--listen", proto + ":127.0.0.1:0", "--state", ts.MkAbs(name)}, flags...)...)
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	var stderr bytes.Buffer
	log, err := os.Create(ts.MkAbs(name + ".log")) // what the tablets say, with --verbose their commands
	ts.Check(err)
	ts.Defer(func() { ts.Check(log.Close()) })
	cmd.Stderr = io.MultiWriter(&stderr, log)
	ts.Check(cmd.Start())
	ready := false
	var addresses []string
	for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
		if _, address, found := strings.Cut(lines.Text(), " "); found {
			addresses = append(addresses, address)
		}
		ready = lines.Text() == "ready"
	}
	if !ready {
		_ = cmd.Wait()
		ts.Fatalf("zarya virtual: %s", stderr.String())
	}
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 143 {
			ts.Fatalf("zarya virtual ended with %v: %s", err, stderr.String())
		}
	})
	for i, address := range addresses {
		ts.Setenv(fmt.Sprintf("%s%d", name, i+1), address)
	}
}

func lookZarya(ts *testscript.TestScript) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if p := filepath.Join(dir, "zarya"); fileExists(p) {
			return p
		}
	}
	ts.Fatalf("zarya is not on the path")
	return ""
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// image KIND FILE SIZE makes a file: noise (with holes), junk, or a broken sparse
// image.
func makeImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: image KIND FILE SIZE")
	}
	size, err := bytesize.Parse(args[2])
	ts.Check(err)
	b := make([]byte, size)
	switch args[0] {
	case "noise":
		r := rand.New(rand.NewPCG(1, uint64(size)))
		for at := int64(0); at < size; at += 64 << 10 {
			if r.IntN(3) > 0 {
				for i := at; i < min(size, at+64<<10); i++ {
					b[i] = byte(r.Uint32())
				}
			}
		}
	case "junk":
		for i := range b {
			b[i] = 0xa5
		}
	case "lying-sparse": // it says it expands to far more than its one chunk
		b = sparseHead(1000, 1)
		b = append(b, 0xc3, 0xca, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0)
	case "dont-care": // one block of bytes, then nothing that is written
		b = sparseHead(uint32(size/4096), 2)
		b = append(b, 0xc1, 0xca, 0, 0, 1, 0, 0, 0, 12, 16, 0, 0)
		b = append(b, bytes.Repeat([]byte("care"), 1024)...)
		b = append(b, 0xc3, 0xca, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(size/4096)-1)
		b = append(b, 12, 0, 0, 0)
	case "short-sparse": // cut off in its first chunk
		b = sparseHead(16, 1)
		b = append(b, 0xc1, 0xca, 0, 0, 16, 0, 0, 0)
		b = binary.LittleEndian.AppendUint32(b, 12+16*4096)
		b = append(b, make([]byte, 5000)...)
	default:
		ts.Fatalf("no kind %q", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// rpm FILE NAME VERSION writes a package with nothing in it: the lead, an empty signature
// header, and a header with two tags (rpm's file format, version 3).
func makeRPM(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: rpm FILE NAME VERSION")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), rpmFile(args[1], args[2]), 0o600))
}

func rpmFile(name, version string) []byte {
	header := func(tags map[uint32]string, order ...uint32) []byte {
		var index, store []byte
		for _, tag := range order {
			for _, n := range []uint32{tag, 6, uint32(len(store)), 1} {
				index = binary.BigEndian.AppendUint32(index, n)
			}
			store = append(append(store, tags[tag]...), 0)
		}
		b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
		b = binary.BigEndian.AppendUint32(b, uint32(len(order)))
		b = binary.BigEndian.AppendUint32(b, uint32(len(store)))
		return append(append(b, index...), store...)
	}
	lead := make([]byte, 96)
	copy(lead, "\xed\xab\xee\xdb\x03")
	b := append(lead, header(nil)...)
	return append(b, header(map[uint32]string{1000: name, 1001: version}, 1000, 1001)...)
}

func sparseHead(blocks, chunks uint32) []byte {
	b := []byte{0x3a, 0xff, 0x26, 0xed, 1, 0, 0, 0, 28, 0, 12, 0, 0, 16, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, blocks)
	b = binary.LittleEndian.AppendUint32(b, chunks)
	return binary.LittleEndian.AppendUint32(b, 0)
}

// listener NAME TEXT makes $NAME the address of something that says TEXT to
// whoever connects, and then nothing; with TEXT closed nothing listens there.
func listener(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: listener NAME TEXT")
	}
	if args[1] == "closed" {
		held, err := heldaddr.Hold("tcp", "127.0.0.1:0")
		ts.Check(err)
		ts.Defer(func() { _ = held.Close() })
		ts.Setenv(args[0], "tcp:"+held.Addr())
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], "tcp:"+l.Addr().String())
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	ts.Defer(func() { cancel(); _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(ctx, func() { _ = c.Close() })
			wg.Go(func() { // greets, and hears out whatever comes
				_, _ = c.Write([]byte(args[1]))
				_, _ = io.Copy(io.Discard, c)
				stop()
				_ = c.Close()
			})
		}
	})
}
