// These tests build a set with the real tools and let others judge it.

package imageset

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%v: run make setup", err)
		}
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuild(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "set")
	set, err := Build(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "e2fsck", "-fn", set.System)
	if s := tool(t, "debugfs", "-R", "cat /etc/os-release", set.System); !strings.Contains(s, "ID=auroraos\n") ||
		!strings.Contains(s, "VERSION_ID=5.1.0.100\n") {
		t.Error(s)
	}
	info, err := os.Stat(set.System)
	if err != nil {
		t.Fatal(err)
	}
	used := info.Sys().(*syscall.Stat_t).Blocks * 512
	if info.Size() != 256*mib || used > info.Size()*3/4 || used < 16*mib {
		t.Errorf("system.img has %d bytes on %d of disk", info.Size(), used)
	}
	out := filepath.Join(t.TempDir(), "out")
	tool(t, "simg2img", set.SystemSparse, out)
	if sha256.Sum256(read(t, out)) != sha256.Sum256(read(t, set.System)) {
		t.Error("system.simg is another image")
	}
	tool(t, "simg2img", set.UserdataSparse, out)
	want := bytes.Join([][]byte{noise(mib, 3), make([]byte, 31*mib), noise(3*mib, 4), bytes.Repeat([]byte{0xef, 0xbe, 0xad, 0xde}, 7*mib/4),
		make([]byte, 21*mib), noise(mib, 5)}, nil)
	if !bytes.Equal(read(t, out), want) {
		t.Error("userdata.simg is another image")
	}
	if b := read(t, set.Boot); len(b) != 8*mib || !bytes.HasPrefix(b, []byte("ANDROID!")) {
		t.Error("boot.img")
	}
}

func TestSameBytesAgain(t *testing.T) {
	from := t.TempDir()
	for name, text := range map[string]string{"one": "1", "two": strings.Repeat("2", 9000)} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "set")
	sums := map[string][32]byte{}
	for range 2 { // the second replaces the first
		set, err := Build(t.Context(), dir, Options{Size: 16 * mib, From: from, Version: "5.2.0.1"})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range set.Files() {
			sum := sha256.Sum256(read(t, f))
			if was, ok := sums[f]; ok && was != sum {
				t.Errorf("%s differs", f)
			}
			sums[f] = sum
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".imageset-*")); len(left) != 0 {
		t.Error("left behind:", left)
	}
}

// A small image has room for what has to be in it.
func TestLeastSizes(t *testing.T) {
	for size := int64(8); size <= 16; size += 2 {
		if _, err := Build(t.Context(), filepath.Join(t.TempDir(), "set"), Options{Size: size * mib}); err != nil {
			t.Errorf("%d MiB: %v", size, err)
		}
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(mine, []byte("years"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "thesis.txt") {
		t.Error(err)
	}
	read(t, mine)
	if _, err := Build(t.Context(), filepath.Join(dir, "x"), Options{Size: 1}); err == nil {
		t.Error("a byte")
	}
	if _, err := Build(t.Context(), filepath.Join(dir, "x"), Options{From: filepath.Join(dir, "nope")}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, filepath.Join(dir, "x"), Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); !errors.Is(err, os.ErrNotExist) {
		t.Error("half a set is left:", err)
	}
	t.Setenv("PATH", dir)
	if err := run(t.Context(), "img2simg"); err == nil || !strings.Contains(err.Error(), "of the package android-sdk-libsparse-utils") {
		t.Error(err)
	}
	f, err := os.Create(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f, block)
	w.Raw([]byte("not a block"))
	if err := errors.Join(w.Close(), f.Close()); err == nil {
		t.Error("half a block")
	}
}

// A machine without Go has its time zones from tzdata; one that has none is told.
func TestTimeZonesOfTheMachine(t *testing.T) {
	from, root := t.TempDir(), t.TempDir()
	if err := machineZones(root, from); err == nil || !strings.Contains(err.Error(), "install tzdata") {
		t.Error(err)
	}
	for _, part := range []string{"Europe", "Asia"} {
		if err := os.Mkdir(filepath.Join(from, part), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(from, "Europe", "Moscow"), []byte("TZif"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("Moscow", filepath.Join(from, "Europe", "Simferopol")); err != nil {
		t.Fatal(err)
	}
	if err := machineZones(root, from); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "usr/share/zoneinfo/Europe/Simferopol")); string(text) != "TZif" {
		t.Errorf("%q %v", text, err)
	}
}
