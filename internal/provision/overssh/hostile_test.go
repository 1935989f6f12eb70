// A tablet that says what it should not: too much, and what cannot be seen.

package overssh

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"unicode"

	"github.com/pkg/sftp"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/provision"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// hostileFiles are files by their names, and errors by theirs.
type hostileFiles struct {
	content map[string]string
	errors  map[string]error
}

func (h hostileFiles) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if err := h.errors[r.Filepath]; err != nil {
		return nil, err
	}
	text, ok := h.content[r.Filepath]
	if !ok {
		return nil, os.ErrNotExist
	}
	return strings.NewReader(text), nil
}

// endless is a folder whose listing never ends.
type endless struct{}

func (endless) ListAt(list []os.FileInfo, _ int64) (int, error) {
	info, err := os.Stat("/")
	for i := range list {
		list[i] = info
	}
	return len(list), err
}

func (h hostileFiles) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Filepath == "/endless" {
		return endless{}, nil
	}
	return sftp.InMemHandler().FileList.Filelist(&sftp.Request{Method: r.Method, Filepath: "/"})
}

// hostileClient is a session with a tablet that has those files.
func hostileClient(t *testing.T, files hostileFiles) *Session {
	t.Helper()
	ours, theirs := net.Pipe()
	none := sftp.InMemHandler()
	server := sftp.NewRequestServer(theirs, sftp.Handlers{FileGet: files, FilePut: none.FilePut, FileCmd: none.FileCmd, FileList: files})
	done := make(chan error, 1)
	go func() { done <- server.Serve() }()
	conn := &budgetConn{Conn: ours}
	client, err := sftp.NewClientPipe(conn, conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = client.Close()
		_ = theirs.Close()
		<-done
	})
	c := &Session{login: &Login{User: "defaultuser"}, conn: conn}
	c.files[0] = &sftpFiles{c, client}
	return c
}

// TestHostileFacts: every fact that is read is one bounded line, and one with hidden
// characters in it equals none without.
func TestHostileFacts(t *testing.T) {
	const evil = "\x1b[2J\u202eevil\u200b\x00"
	c := hostileClient(t, hostileFiles{content: map[string]string{
		"/etc/machine-id":                          strings.Repeat("0a", 16) + evil + "\n",
		"/etc/hostname":                            "kiosk-1\u200b\n",
		"/etc/os-release":                          "VERSION=\"5.1" + evil + "\"\n",
		"/proc/cmdline":                            "quiet androidboot.serialno=S" + evil + "1\n",
		"/sys/class/net/wlan0/address":             "02:00:00:00:00:01" + evil,
		"/proc/sys/kernel/random/boot_id":          strings.Repeat("b\u2066", 1000),
		"/sys/class/power_supply/battery/capacity": evil,
		"/var/lib/environment/nemo/locale.conf":    "LANG=" + evil,
	}})
	for _, fact := range []string{"machine-id", "hostname", "os-release.VERSION", "serial", "wifi-mac", "boot-id", "battery", "locale"} {
		got, err := provision.FactOf(t.Context(), c, fact)
		if err != nil {
			t.Errorf("%s: %v", fact, err)
		}
		if len(got) > untrusted.Word || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s is not clean: %q", fact, got)
		}
		if !strings.ContainsAny(got, "\ufffd…") {
			t.Errorf("%s does not show that something was taken out: %q", fact, got)
		}
	}
}

// TestEndlessFact: a file that is longer than any that holds a fact is no fact.
func TestEndlessFact(t *testing.T) {
	c := hostileClient(t, hostileFiles{content: map[string]string{"/etc/machine-id": strings.Repeat("0a", 4<<20)}})
	got, err := provision.FactOf(t.Context(), c, "machine-id")
	var failure *flash.Failure
	if !errors.As(err, &failure) || failure.Class != flash.ClassDevice || got != "" {
		t.Errorf("an 8 MB machine-id: %.40q, %v", got, err)
	}
}

// TestEndlessListing: a listing without end costs a bounded amount of memory, and is the
// tablet's own failure.
func TestEndlessListing(t *testing.T) {
	c := hostileClient(t, hostileFiles{})
	_, err := c.List(t.Context(), "/endless")
	var failure *flash.Failure
	if !errors.As(err, &failure) || failure.Class != flash.ClassDevice || !strings.Contains(failure.Message, "in one answer") {
		t.Errorf("%v", err)
	}
	if got := c.conn.got.Load(); got > callBudget+1<<20 {
		t.Errorf("%d bytes were taken", got)
	}
}

// TestHostileError: the text of a server's refusal is bounded and clean wherever it ends.
func TestHostileError(t *testing.T) {
	evil := errors.New("\x1b[2J\u202e" + strings.Repeat("no ", 1<<16))
	c := hostileClient(t, hostileFiles{errors: map[string]error{"/etc/machine-id": evil}})
	_, err := provision.FactOf(t.Context(), c, "machine-id")
	if err == nil {
		t.Fatal("no error")
	}
	text := flash.Classify(err).Message
	if len(text) > untrusted.Message || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%d bytes: %.60q", len(text), text)
	}
}
