// The grab, with a keyboard that the kernel takes for a real one (uinput). Where there is
// no /dev/uinput, the rig runs it: scripts/rig-scanner.sh.

package scanner

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestCheck: what is no scanner is not taken for one.
func TestCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte{0}, 48), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "no keyboard", os.DevNull: "no keyboard", file + "-none": "no such file"} {
		if name, err := Check(path); err == nil || !strings.Contains(err.Error(), want) || name != "" {
			t.Errorf("%s: %q, %v", path, name, err)
		}
		if d, err := grab(path); err == nil || d != nil {
			t.Errorf("%s was grabbed: %v", path, err)
		}
	}
	if _, err := Check(file + "-none"); !errors.Is(err, fs.ErrNotExist) || reason(err) != "gone" {
		t.Error(err)
	}
}

// Requests of linux/uinput.h.
const (
	uiSetEvBit  = 0x40045564
	uiSetKeyBit = 0x40045565
	uiDevSetup  = 0x405c5503
	uiDevCreate = 0x5501
	uiSysName   = 0x8040552c // UI_GET_SYSNAME(64)
)

// keyboard is a scanner that the kernel believes in.
type keyboard struct {
	*os.File
	node string // /dev/input/eventN
}

func plugIn(t *testing.T) keyboard {
	t.Helper()
	f, err := os.OpenFile("/dev/uinput", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no input devices can be made here: %v", err)
	}
	fd := int(f.Fd())
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.IoctlSetInt(fd, uiSetEvBit, evKey))
	for code := 1; code < 120; code++ {
		must(unix.IoctlSetInt(fd, uiSetKeyBit, code))
	}
	setup := make([]byte, 92) // struct uinput_setup
	binary.NativeEndian.PutUint16(setup, 3)
	copy(setup[8:], "Barcode\x1b[31m scanner")
	ask := func(request uintptr, b []byte) {
		t.Helper()
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&b[0]))); errno != 0 {
			t.Fatal(errno)
		}
	}
	ask(uiDevSetup, setup)
	must(unix.IoctlSetInt(fd, uiDevCreate, 0))
	name := make([]byte, 64)
	ask(uiSysName, name)
	nodes, err := filepath.Glob("/sys/devices/virtual/input/" + string(name[:bytes.IndexByte(name, 0)]) + "/event*")
	if err != nil || len(nodes) != 1 {
		t.Fatalf("%q: %v, %v", name, nodes, err)
	}
	return keyboard{f, "/dev/input/" + filepath.Base(nodes[0])}
}

func (k keyboard) types(t *testing.T, text string) {
	t.Helper()
	if _, err := k.Write(typed(text)); err != nil {
		t.Fatal(err)
	}
}

// TestGrab: while the scanner is grabbed, another process gets none of its keys; a scanner
// that leaves and comes back is grabbed again; a second program is refused.
func TestGrab(t *testing.T) {
	if node := os.Getenv("ZARYA_TEST_LISTEN"); node != "" {
		listen(node)
	}
	k := plugIn(t)
	path := filepath.Join(t.TempDir(), "scanner") // as udev's links are
	link := func(k keyboard) {
		t.Helper()
		if err := errors.Join(os.Symlink(k.node, path+"-new"), os.Rename(path+"-new", path)); err != nil {
			t.Fatal(err)
		}
	}
	link(k)
	if name, err := Check(path); name != "Barcode[31m scanner" || err != nil {
		t.Errorf("it calls itself %q, %v", name, err)
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGrab$")
	other.Env = append(os.Environ(), "ZARYA_TEST_LISTEN="+k.node)
	out, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	heard := bufio.NewScanner(out)
	hears := func(want string) {
		t.Helper()
		if !heard.Scan() || heard.Text() != want {
			t.Fatalf("the other process hears %q, not %q", heard.Text(), want)
		}
	}
	hears("listening")
	k.types(t, "1") // not grabbed: everybody hears it
	hears("key 2")

	events := make(chan Event, 10)
	begin := func() (end func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { Run(ctx, path, func(e Event) { events <- e }); close(done) }()
		return func() { cancel(); <-done }
	}
	is := func(want string) {
		t.Helper()
		if got := said(<-events); !strings.HasPrefix(got, want) {
			t.Fatalf("%q, not %q", got, want)
		}
	}
	end := begin()
	is("ready")
	k.types(t, "OP:17\n")
	is("scanned OP:17")
	if d, err := grab(path); err == nil || !strings.Contains(err.Error(), "another program has grabbed it") {
		t.Errorf("grabbed twice: %v, %v", d, err)
	}
	end()
	k.types(t, "9") // not grabbed any more: the next key that the other process hears
	hears("key 10")

	end = begin()
	is("ready")
	if err := k.Close(); err != nil { // pulled out
		t.Fatal(err)
	}
	is("away: ")
	k = plugIn(t)
	link(k)
	is("ready")
	k.types(t, "LOT:P-118\n")
	is("scanned LOT:P-118")
	end()
	_ = k.Close()
	if heard.Scan() {
		t.Errorf("the other process heard %q", heard.Text())
	}
	_ = other.Wait()
}

// listen is the other process: it prints the keys that a device gives it, until that ends.
func listen(node string) {
	f, err := os.Open(node)
	if err != nil {
		fmt.Println(err) //nolint:forbidigo // of a process of its own
		os.Exit(1)
	}
	fmt.Println("listening") //nolint:forbidigo // of a process of its own
	b := make([]byte, 24)
	for {
		if _, err := io.ReadFull(f, b); err != nil {
			os.Exit(0)
		}
		if s := decode(b, time.Time{}); s.kind == evKey && s.value == pressed {
			fmt.Println("key", s.code) //nolint:forbidigo // of a process of its own
		}
	}
}
