package outputs

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/ui"
)

func TestSinkWritesToAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "events")
	var sinks []ui.Sink
	for _, name := range []string{"", file} {
		if err := Sink(&sinks, "--events", name, ui.NewJSON); err != nil {
			t.Fatal(err)
		}
	}
	if len(sinks) != 1 {
		t.Fatalf("%d sinks", len(sinks))
	}
	sinks[0].Event(flash.Event{Body: flash.Warning{Message: "hello"}})
	if err := sinks[0].Close(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "hello") {
		t.Errorf("%s, %v", text, err)
	}
}

// A descriptor is one that the shell opened: not what this process opened for itself.
func TestDescriptors(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ours := "fd:" + strconv.Itoa(int(w.Fd()))
	for name, kind := range map[string]problem.Kind{
		ours: problem.Usage, "fd:x": problem.Usage, "fd:9999": problem.Usage, filepath.Join(t.TempDir(), "no", "file"): problem.Station,
	} {
		_, err := Create("--events", name)
		if got, _ := problem.KindOf(err); err == nil || got != kind || !strings.Contains(err.Error(), "--events") {
			t.Errorf("%s: %v of kind %v", name, err, got)
		}
	}
	given, err := unix.Dup(int(w.Fd())) // not closed on exec, as what a shell gives
	if err != nil {
		t.Fatal(err)
	}
	f, err := Create("--events", "fd:"+strconv.Itoa(given))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("x"); err != nil {
		t.Error(err)
	}
	_, _ = f.Close(), w.Close()
}

func TestTrace(t *testing.T) {
	if tracer, end, err := Trace("", nil); tracer != nil || err != nil || end() != nil {
		t.Errorf("no trace is %v, %v", tracer, err)
	}
	file := filepath.Join(t.TempDir(), "trace")
	tracer, end, err := Trace(file, strings.ToUpper)
	if err != nil || tracer.Hide("secret") != "SECRET" {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	if _, _, err := Trace(t.TempDir(), nil); err == nil {
		t.Error("a folder was traced into")
	}
}
