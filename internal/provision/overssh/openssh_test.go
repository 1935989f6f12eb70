// Quoting against a real shell, and the session against a real OpenSSH server.

package overssh

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/provision"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// FuzzQuote gives words to a shell and looks whether they arrive as they were.
func FuzzQuote(f *testing.F) {
	f.Add("a", "b c")
	f.Add("it's", "$(reboot) `x` \\\n*")
	f.Add("", "%1 -n ~ # !")
	f.Fuzz(func(t *testing.T, a, b string) {
		if strings.ContainsRune(a+b, 0) {
			return
		}
		out, err := exec.Command("sh", "-c", quote([]string{"printf", "%s\\0", a, b})).Output()
		if err != nil || string(out) != a+"\x00"+b+"\x00" {
			t.Fatalf("%q %q became %q, %v", a, b, out, err)
		}
	})
}

// sshd is a real server of this machine's, for this user.
type sshd struct {
	address string
	login   Login
}

func keyFile(t *testing.T, path string) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err == nil {
		err = os.WriteFile(path, pem.EncodeToMemory(block), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func startSSHD(t *testing.T, options ...string) *sshd {
	t.Helper()
	unpacked, err := filepath.Abs("../../../.tools/openssh") // by scripts/setup.sh
	if err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		path = filepath.Join(unpacked, "usr/sbin/sshd")
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	keyFile(t, filepath.Join(dir, "host"))
	signer := keyFile(t, filepath.Join(dir, "mine"))
	if err := os.WriteFile(filepath.Join(dir, "authorized"), ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := heldaddr.Hold("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	_, port, _ := net.SplitHostPort(held.Addr())
	config := filepath.Join(dir, "config")
	text := fmt.Sprintf("Port %s\nListenAddress 127.0.0.1\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nPidFile none\n"+
		"StrictModes no\nUsePAM no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n", port, dir, dir)
	for _, o := range options {
		if o == "no-sftp" {
			text = strings.Replace(text, "Subsystem sftp internal-sftp\n", "", 1)
		} else {
			text += o + "\n"
		}
	}
	for option, file := range map[string]string{"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"} { // since 9.8 and 10.0
		if at := filepath.Join(unpacked, "usr/lib/openssh", file); path != "/usr/sbin/sshd" && fileThere(at) {
			text += option + " " + at + "\n"
		}
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // where Debian's service would put it
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, "-D", "-e", "-f", config)
	libraries, err := filepath.Glob(filepath.Join(unpacked, "usr/lib/*-linux-gnu"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (scripts/setup.sh unpacks it)", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(errs)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "listening on") {
			go func() { _, _ = io.Copy(io.Discard, errs) }()
			return &sshd{"127.0.0.1:" + port, Login{User: me.Username, Signer: signer, Root: RootNone}}
		}
	}
	t.Fatal("sshd does not listen")
	return nil
}

// run runs a program as the login.
func run(ctx context.Context, c *Session, limit time.Duration, argv ...string) (stdout, stderr string, status int, err error) {
	out, err := c.Exec(ctx, argv, false, limit)
	return out.Stdout, out.Stderr, out.Status, err
}

func fileThere(path string) bool { _, err := os.Stat(path); return err == nil }

func (s *sshd) open(t *testing.T, login Login, pin string) (*Session, error) {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	b, err := login.Open(t.Context(), conn, pin)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = b.Close() })
	return b.(*Session), nil
}

// TestOpenSSH reads, writes, links and runs through OpenSSH, and TestWithoutSFTP does the
// same where the tablet has no server of files.
func TestOpenSSH(t *testing.T)     { testFiles(t, startSSHD(t)) }
func TestWithoutSFTP(t *testing.T) { testFiles(t, startSSHD(t, "no-sftp")) }

func testFiles(t *testing.T, server *sshd) {
	c, err := server.open(t, server.login, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	name := filepath.Join(t.TempDir(), "new folder", "it's a file")
	if _, err := c.ReadFile(ctx, name, provision.MaxFile, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for _, data := range [][]byte{[]byte("first"), bytes.Repeat([]byte("0123456789"), 300_000), {}} {
		if err := c.WriteFile(ctx, name, data, 0o640, false); err != nil {
			t.Fatal(err)
		}
		f, err := c.ReadFile(ctx, name, provision.MaxFile, false)
		if err != nil || !bytes.Equal(f.Data, data) || f.Mode != fs.FileMode(0o640) || f.Root != (os.Getuid() == 0) {
			t.Errorf("%d bytes came back as %v, %v", len(data), f, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(name), ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	out, _, status, err := run(ctx, c, time.Minute, "printf", "%s|", "it's", "$HOME", "a  b", "")
	if err != nil || status != 0 || out != "it's|$HOME|a  b||" {
		t.Errorf("%q, %d, %v", out, status, err)
	}
	_, said, status, err := run(ctx, c, time.Minute, "sh", "-c", "printf '\\033[31mno\\n' >&2; exit 3")
	if err != nil || status != 3 || said != "[31mno" {
		t.Errorf("%q, %d, %v", said, status, err)
	}
	if there, err := c.Exists(ctx, name, false); !there || err != nil {
		t.Error(there, err)
	}
	if there, err := c.Exists(ctx, name+"x", false); there || err != nil {
		t.Error(there, err)
	}
	if _, err := c.ReadFile(ctx, "/etc/passwd", 3, false); err == nil || !strings.Contains(err.Error(), "more than 3 bytes") {
		t.Errorf("a file that is too long: %v", err)
	}
	to := filepath.Join(filepath.Dir(name), "to")
	for _, target := range []string{"/etc/passwd", "/etc/hostname"} {
		if err := c.Link(ctx, target, to); err != nil {
			t.Fatal(err)
		}
		if got, err := c.ReadLink(ctx, to); got != target || err != nil {
			t.Errorf("%q %v", got, err)
		}
	}
	if _, err := c.ReadLink(ctx, to+"x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a link that is not there: %v", err)
	}
	if _, err := c.ReadLink(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is no link: %v", err)
	}
	names, err := c.List(ctx, filepath.Dir(name))
	if slices.Sort(names); err != nil || !slices.Equal(names, []string{"it's a file", "to"}) {
		t.Errorf("%q %v", names, err)
	}
	if names, err := c.List(ctx, "/nowhere"); err != nil || names != nil {
		t.Errorf("%q %v", names, err)
	}
	if err := c.Remove(ctx, to, false); err != nil {
		t.Error(err)
	}
	if err := c.Remove(ctx, to, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	want, err := os.ReadFile("/etc/hostname")
	got, gerr := provision.FactOf(ctx, c, "hostname")
	if err == nil && (gerr != nil || got != strings.TrimSpace(string(want))) {
		t.Errorf("hostname %q, %v", got, gerr)
	}

	upload := filepath.Join(filepath.Dir(name), "upload")
	if err := c.Upload(ctx, upload, strings.NewReader("a large file"), 12); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(upload); err != nil || string(b) != "a large file" {
		t.Errorf("uploaded: %q %v", b, err)
	}

	// What a program says is bounded while it is read.
	out, _, status, err = run(ctx, c, time.Minute, "head", "-c", "5000000", "/dev/zero")
	if err != nil || status != 0 || len(out) != maxOutput {
		t.Errorf("%d bytes were kept of 5000000, %d, %v", len(out), status, err)
	}

	// A command that waits for input gets the end of it; one that never ends is given
	// up, and so is its connection.
	if _, _, _, err := run(ctx, c, time.Minute, "cat"); err != nil {
		t.Error(err)
	}
	_, _, _, err = run(ctx, c, 100*time.Millisecond, "sleep", "1000")
	var failure *flash.Failure
	if !errors.As(err, &failure) || failure.Class != flash.ClassTimeout {
		t.Errorf("a command that never ends: %v", err)
	}
	if _, err := c.ReadFile(ctx, name, provision.MaxFile, false); err == nil {
		t.Error("the connection is still there")
	}
}

// TestOpenSSHRefuses meets a wrong key, another host key, and an ended context.
func TestOpenSSHRefuses(t *testing.T) {
	server := startSSHD(t)
	c, err := server.open(t, server.login, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.open(t, server.login, c.HostKey()); err != nil {
		t.Error(err)
	}
	var failure *flash.Failure
	if _, err := server.open(t, server.login, "SHA256:other"); !errors.As(err, &failure) || failure.Class != flash.ClassDevice {
		t.Errorf("another host key: %v", err)
	}
	wrong := server.login
	wrong.Signer = keyFile(t, filepath.Join(t.TempDir(), "other"))
	if _, err := server.open(t, wrong, ""); !errors.As(err, &failure) || failure.Class != flash.ClassProfile {
		t.Errorf("a wrong key: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, _, err := run(ctx, c, time.Minute, "true"); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
}

// A server with old algorithms only is a failure that names them, at once; with legacy it
// is reached.
func TestOldAlgorithms(t *testing.T) {
	server := startSSHD(t, "KexAlgorithms diffie-hellman-group14-sha1", "Ciphers aes128-cbc", "MACs hmac-sha1")
	_, err := server.open(t, server.login, "")
	var failure *flash.Failure
	if !errors.As(err, &failure) || failure.Class != flash.ClassDevice || !strings.Contains(failure.Message, "aes128-cbc") ||
		!strings.Contains(failure.Hint, "legacy: true") {
		t.Errorf("%v", err)
	}
	login := server.login
	login.Legacy = true
	c, err := server.open(t, login, "")
	if err != nil {
		t.Fatal(err)
	}
	out, _, _, err := run(t.Context(), c, time.Minute, "id", "-u")
	if err != nil || strings.TrimSpace(out) != strconv.Itoa(os.Getuid()) {
		t.Errorf("%q %v", out, err)
	}
}
