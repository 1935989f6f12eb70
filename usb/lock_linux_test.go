// The lock between processes and users.

package usb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "locks")
	release, err := Lock(dir, "usb:1-1.3", "zarya run, process 7\x1b")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Lock(dir, "usb:1-1.3", "me")
	var locked *LockedError
	if !errors.As(err, &locked) || err.Error() != "usb:1-1.3 is used by zarya run, process 7" {
		t.Error(err)
	}
	other, err := Lock(dir, "usb:1-1.4", "me")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(release(), other()); err != nil {
		t.Error(err)
	}
	again, err := Lock(dir, "usb:1-1.3", "me")
	if err != nil {
		t.Fatal(err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "trap")); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir, "trap", "me"); err == nil {
		t.Error("followed a link")
	}
}

// TestLockForAll: whatever the umask of who comes first, everybody can lock, and reads
// who has it.
func TestLockForAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "zarya")
	old := syscall.Umask(0o077)
	release, err := Lock(dir, "usb:1-1", "root's run")
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | fs.ModeSticky | 0o777, filepath.Join(dir, "usb:1-1"): 0o666} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, want %v (%v)", path, info.Mode(), want, err)
		}
	}
	if err := CheckLockDir(dir); err != nil {
		t.Error(err)
	}
	asNobody(t, dir, func() {
		var locked *LockedError
		if _, err := Lock(dir, "usb:1-1", "nobody"); !errors.As(err, &locked) || locked.Owner != "root's run" {
			t.Errorf("another user does not see who has it: %v", err)
		}
		other, err := Lock(dir, "usb:1-2", "nobody")
		if err != nil {
			t.Errorf("another user cannot lock: %v", err)
			return
		}
		_ = other()
	})
	if err := release(); err != nil {
		t.Error(err)
	}
	asNobody(t, dir, func() {
		again, err := Lock(dir, "usb:1-1", "nobody")
		if err != nil {
			t.Errorf("another user cannot lock what root has had: %v", err)
			return
		}
		_ = again()
	})
}

// TestShutOut: a folder that was made by another user, and only for that one, is named
// with the command that mends it.
func TestShutOut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "zarya")
	if err := CheckLockDir(dir); err != nil {
		t.Errorf("there is none yet: %v", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	var out *ShutOutError
	if err := CheckLockDir(dir); !errors.As(err, &out) || !strings.Contains(err.Error(), "sudo rm -r "+dir) {
		t.Error(err)
	}
	asNobody(t, dir, func() {
		if _, err := Lock(dir, "usb:1-1", "nobody"); !errors.As(err, &out) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v", err)
		}
	})
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckLockDir(file); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a file for a folder: %v", err)
	}
	// The folder of somebody's own choice keeps the mode that they gave it.
	release, err := Lock(dir, "usb:1-1", "me")
	if err != nil {
		t.Fatal(err)
	}
	_ = release()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// asNobody does something with the rights of another user: root takes them for one
// thread, which ends with it. Without root that part is not tested.
func asNobody(t *testing.T, dir string, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Log("not root: another user's part is left out")
		return
	}
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) { // the way there
		if info, err := os.Stat(at); err == nil && at != dir {
			if err := os.Chmod(at, info.Mode()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread goes with its rights
		const nobody = 65534
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			t.Errorf("becoming nobody: %v", errno)
			return
		}
		do()
	}()
	<-done
}
