package flock

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	one, two, three := open(t, path), open(t, path), open(t, path)
	if err := Try(one); err != nil {
		t.Fatal(err)
	}
	if err := Try(one); err != nil {
		t.Errorf("its owner locks it again: %v", err)
	}
	if err := Try(two); !errors.Is(err, ErrHeld) {
		t.Errorf("held twice: %v", err)
	}
	if err := TryShared(two); !errors.Is(err, ErrHeld) {
		t.Errorf("shared with who has it alone: %v", err)
	}
	// Who waits has it when the one before is closed.
	got := make(chan error)
	go func() { got <- Wait(two) }()
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := two.Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(TryShared(three), TryShared(open(t, path))); err != nil {
		t.Errorf("two who share: %v", err)
	}
	if err := Try(open(t, path)); !errors.Is(err, ErrHeld) {
		t.Errorf("alone, with two who share: %v", err)
	}
	if err := Try(one); err == nil || errors.Is(err, ErrHeld) {
		t.Errorf("a closed file: %v", err)
	}
}

// TestKilled: the lock of a process that was killed is free.
func TestKilled(t *testing.T) {
	if path := os.Getenv("ZARYA_TEST_LOCK"); path != "" {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err == nil {
			err = Try(f)
		}
		if err != nil {
			os.Exit(1)
		}
		_, _ = os.NewFile(1, "stdout").WriteString("locked\n")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the test kills it
		os.Exit(0)
	}
	path := filepath.Join(t.TempDir(), "lock")
	f := open(t, path)
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	other.Env = append(os.Environ(), "ZARYA_TEST_LOCK="+path)
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := other.StdoutPipe()
	if err == nil {
		err = other.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatal(line, err)
	}
	if err := Try(f); !errors.Is(err, ErrHeld) {
		t.Errorf("the other process has it: %v", err)
	}
	_ = other.Process.Kill()
	_ = other.Wait()
	if err := Try(f); err != nil {
		t.Errorf("the other process is dead: %v", err)
	}
}
