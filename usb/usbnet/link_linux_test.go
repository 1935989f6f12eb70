// Tablets at the end of real links: pairs of Ethernet interfaces between network
// namespaces, all with the same addresses. That needs root.

package usbnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const pingRange = "/proc/sys/net/ipv4/ping_group_range"

// namespace puts the test's own thread, and so what it dials and runs, into a network
// namespace. The thread ends with the test.
func namespace(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("there is no program ip (iproute2) to make links with")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespaces without root: %v", err)
	}
	ip(t, "link set lo up")
	allowPing(t, true)
}

func ip(t *testing.T, line string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "ip", strings.Fields(line)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v %s", line, err, out)
	}
}

func allowPing(t *testing.T, allowed bool) {
	t.Helper()
	groups := "1 0"
	if allowed {
		groups = "0 2147483647"
	}
	if err := os.WriteFile(pingRange, []byte(groups), 0); err != nil {
		t.Fatal(err)
	}
}

// tablet is a namespace at the other end of a link, which says who it is to whoever
// connects. Every tablet has the same addresses.
type tablet struct {
	link string
	port int // of its server; 0 is none
}

// plugIn makes a link to a tablet. listens says whether it has a server.
func plugIn(t *testing.T, link string, listens bool, addresses ...string) tablet {
	t.Helper()
	made, moved, ready, end := make(chan int), make(chan bool), make(chan error), make(chan struct{})
	box := tablet{link: link}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // for good
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- err
			return
		}
		var errs []error
		made <- unix.Gettid()
		<-moved
		for _, line := range append([]string{"link set lo up", "link set far addrgenmode none", "link set far up"}, addresses...) {
			out, err := exec.CommandContext(context.Background(), "ip", strings.Fields(line)...).CombinedOutput()
			if err != nil {
				errs = append(errs, fmt.Errorf("tablet: ip %s: %w %s", line, err, out))
			}
		}
		if listens {
			var c net.ListenConfig
			l, err := c.Listen(context.Background(), "tcp", ":0")
			if err == nil {
				box.port = l.Addr().(*net.TCPAddr).Port
				over := make(chan struct{})
				defer func() { _ = l.Close(); <-over }()
				go func() { defer close(over); greet(l, link) }()
			}
			errs = append(errs, err)
		}
		ready <- errors.Join(errs...)
		<-end
	}()
	t.Cleanup(func() { close(end); <-ended })
	ip(t, "link add "+link+" type veth peer name far")
	ip(t, "link set far netns "+strconv.Itoa(<-made))
	ip(t, "link set "+link+" addrgenmode none")
	ip(t, "link set "+link+" up")
	ip(t, "address add fe80::1/64 dev "+link+" nodad")
	close(moved)
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	return box
}

// greet says a name, then all that it hears, until the listener is closed.
func greet(l net.Listener, name string) {
	var all sync.WaitGroup
	defer all.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		all.Go(func() {
			_, _ = io.WriteString(c, name+"\n")
			_, _ = io.Copy(c, c)
			_ = c.Close()
		})
	}
}

// hello reads the greeting.
func hello(t *testing.T, c net.Conn) string {
	t.Helper()
	var line []byte
	for !bytes.HasSuffix(line, []byte("\n")) {
		b := make([]byte, 1)
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
		line = append(line, b[0])
	}
	return strings.TrimSpace(string(line))
}

// reach dials until something else comes of it than silence at the address: the kernel
// takes its time with the two ends of a new link.
func reach(t *testing.T, link string, port int, at string, there func(net.Interface) bool) (net.Conn, error) {
	t.Helper()
	for {
		c, err := dial(t.Context(), link, port, there)
		if err == nil || !strings.Contains(err.Error(), at+": i/o timeout") &&
			!errors.Is(err, unix.ENETUNREACH) && !errors.Is(err, unix.EHOSTUNREACH) {
			return c, err
		}
	}
}

func always(net.Interface) bool { return true }

const (
	linkLocal = "address add fe80::2/64 dev far nodad"
	shared    = "address add 192.168.2.15/24 dev far"
)

// TestTablets: of two tablets with the same addresses, each is reached through its own
// interface, by IPv6, also when it comes back with its old name and another number; and a
// connection ends when its interface goes.
func TestTablets(t *testing.T) {
	namespace(t)
	var gone atomic.Bool
	there := func(net.Interface) bool { return !gone.Load() }        // it is asked on another thread, in another namespace
	for _, link := range []string{"tablet1", "tablet1", "tablet2"} { // the first one restarts at once
		box := plugIn(t, link, true, linkLocal, shared)
		c, err := reach(t, link, box.port, "neighbour", there)
		if err != nil {
			t.Fatal(err)
		}
		if got := hello(t, c); got != link {
			t.Errorf("%s is %s", link, got)
		}
		if at := c.RemoteAddr().(*net.TCPAddr); at.IP.String() != "fe80::2" {
			t.Errorf("%s is reached at %v", link, at)
		}
		ip(t, "link delete "+link)
		gone.Store(true)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, ErrLeft) {
			t.Errorf("after %s was unplugged: %v", link, err)
		}
		gone.Store(false)
		_ = c.Close()
		if _, err := dial(t.Context(), link, box.port, there); err == nil || !strings.Contains(err.Error(), "network interface "+link) {
			t.Errorf("%s is unplugged: %v", link, err)
		}
	}
}

// TestSharedAddress: where nobody may ping, or the tablet has no IPv6, it is reached by the
// address that all tablets have, and through its own interface even so.
func TestSharedAddress(t *testing.T) {
	namespace(t)
	ip(t, "address add 192.168.2.1/32 dev lo")
	for _, c := range []struct {
		link      string
		ping      bool
		addresses []string
	}{{"noping", false, []string{linkLocal, shared}}, {"no6", true, []string{shared}}} {
		box := plugIn(t, c.link, true, c.addresses...)
		allowPing(t, c.ping)
		conn, err := reach(t, c.link, box.port, Shared.String(), always)
		if err != nil {
			t.Fatal(err)
		}
		if got := hello(t, conn); got != c.link {
			t.Errorf("%s is %s", c.link, got)
		}
		if at := conn.RemoteAddr().(*net.TCPAddr); at.IP.String() != Shared.String() {
			t.Errorf("%s is reached at %v", c.link, at)
		}
		_ = conn.Close()
	}
}

// TestNobodyThere: an interface that is down, a tablet that refuses, and one that is not
// there are told apart.
func TestNobodyThere(t *testing.T) {
	namespace(t)
	plugIn(t, "refuses", false, linkLocal)
	_, err := reach(t, "refuses", 22, "neighbour", always)
	if !errors.Is(err, syscall.ECONNREFUSED) || !strings.HasPrefix(err.Error(), "nobody answers on refuses, port 22 (fe80::2: ") {
		t.Errorf("refused: %v", err)
	}
	plugIn(t, "silent", false)
	allowPing(t, false)
	_, err = Dial(t.Context(), "silent", 22)
	if err == nil || errors.Is(err, syscall.ECONNREFUSED) ||
		!strings.Contains(err.Error(), "no IPv6 neighbour: ping is not allowed here (net.ipv4.ping_group_range)") {
		t.Errorf("nobody: %v", err)
	}
	ip(t, "link set silent down")
	var down *DownError
	if _, err = Dial(t.Context(), "silent", 22); !errors.As(err, &down) || down.Interface != "silent" ||
		!strings.Contains(err.Error(), "silent is down") {
		t.Errorf("down: %v", err)
	}
}
