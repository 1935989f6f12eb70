// A login to a virtual tablet: ways to root, what is refused, into the bootloader.

package overssh

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/system/systemtest"
)

// virtualLogin is that of a virtual tablet.
func virtualLogin(root string) Login {
	l := device.DefaultLogin
	return Login{User: l.User, Password: l.Password, Root: root, RootPassword: l.RootPassword}
}

// loggedIn logs in to a tablet.
func loggedIn(t *testing.T, tab *systemtest.Tablet, l Login) *Session {
	t.Helper()
	conn, err := tab.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Open(t.Context(), conn, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b.(*Session)
}

// TestWaysToRoot: files and programs of root, by each way to it, and without one.
func TestWaysToRoot(t *testing.T) {
	for root, ok := range map[string]bool{RootDevelSu: true, RootSudo: true, RootNone: false} {
		t.Run(root, func(t *testing.T) {
			systemtest.InBubble(t, func(t *testing.T, tab *systemtest.Tablet) {
				c := loggedIn(t, tab, virtualLogin(root))
				err := c.WriteFile(t.Context(), "/etc/a", []byte("of root"), 0o600, true)
				if ok && err != nil || !ok && !errors.Is(err, fs.ErrPermission) {
					t.Errorf("a file: %v", err)
				}
				out, err := c.Exec(t.Context(), []string{"id", "-u"}, true, time.Minute)
				if err != nil || (out.Stdout == "0\n") != ok {
					t.Errorf("a program: %+v %v", out, err)
				}
				if b, err := tab.ReadFile("/etc/a"); ok && (err != nil || string(b) != "of root") {
					t.Errorf("the tablet has %q (%v)", b, err)
				}
			})
		})
	}
}

// TestWrongRootPassword is a mistake in the profile, whatever is asked of root.
func TestWrongRootPassword(t *testing.T) {
	systemtest.InBubble(t, func(t *testing.T, tab *systemtest.Tablet) {
		l := virtualLogin(RootDevelSu)
		l.RootPassword = "x"
		c := loggedIn(t, tab, l)
		_, exec := c.Exec(t.Context(), []string{"true"}, true, time.Minute)
		for what, err := range map[string]error{"a program": exec, "a file": c.WriteFile(t.Context(), "/etc/a", nil, 0o600, true)} {
			var failure *flash.Failure
			if !errors.As(err, &failure) || failure.Class != flash.ClassProfile || !strings.Contains(failure.Message, "this root password") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestIntoTheBootloader sends a booted tablet to fastboot, which needs root.
func TestIntoTheBootloader(t *testing.T) {
	systemtest.InBubble(t, func(t *testing.T, tab *systemtest.Tablet) {
		c := loggedIn(t, tab, virtualLogin(RootNone))
		if err := c.Bootloader(t.Context()); err == nil || !strings.Contains(err.Error(), "give ssh.root in the profile") {
			t.Errorf("without root: %v", err)
		}
		c = loggedIn(t, tab, virtualLogin(RootDevelSu))
		for what, ask := range map[string]struct {
			get  func() (string, error)
			want string
		}{
			"serial": {func() (string, error) { return c.Serial(t.Context()) }, "VT1"},
			"model":  {func() (string, error) { return c.Model(t.Context()) }, "AGS3-L09"},
		} {
			if got, err := ask.get(); err != nil || got != ask.want {
				t.Errorf("%s: %q %v", what, got, err)
			}
		}
		if err := c.Bootloader(t.Context()); err != nil {
			t.Error(err)
		}
		if gone := <-tab.Gone; gone == nil || gone.Mode != device.ModeFastboot {
			t.Errorf("%+v", gone)
		}
	})
}
