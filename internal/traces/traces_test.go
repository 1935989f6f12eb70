package traces

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, dir string, room Room) *Store {
	t.Helper()
	s, err := Open(dir, room, func(format string, args ...any) { t.Errorf(format, args...) })
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// about is an event of a job in a port.
func about(job, port string, b flash.Body) flash.Event {
	return flash.Event{Time: time.Unix(1_700_000_000, 0), Job: job, Where: flash.Where{PortName: port}, Body: b}
}

func wire(port, dir, packet string) fastboot.TraceLine {
	return fastboot.TraceLine{TS: "2026-11-26T10:00:00Z", Target: port, Dir: dir, Packet: packet}
}

func texts(t *testing.T, s *Store, job string) string {
	t.Helper()
	list, err := s.Lines(job)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range list {
		all = append(all, l.Dir+l.Text+l.Error)
	}
	return strings.Join(all, "|")
}

// Two jobs at once have each their own lines, while they are under way and afterwards; the
// next job in a port begins with none.
func TestEachJobHasItsOwn(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Usual)
	s.Event(about("r-1", "A1", flash.JobStarted{}))
	s.Event(about("r-2", "A2", flash.JobStarted{}))
	s.Wire(wire("A1", ">", "getvar:product"))
	s.Wire(wire("A2", ">", "erase:userdata"))
	s.Event(about("r-1", "A1", flash.StepDone{Step: "flash:boot", Result: flash.StepOK, Seconds: 2}))
	s.Event(flash.Event{Body: flash.Log{Message: "of no job"}})
	if got, want := texts(t, s, "r-1"), ">getvar:product|=flash:boot: ok, 2.00s"; got != want {
		t.Errorf("under way: %q, want %q", got, want)
	}
	s.Event(about("r-1", "A1", flash.JobDone{Result: flash.Fail, Error: "no answer"}))
	s.Wire(wire("A1", ">", "of the next"))
	s.Event(about("r-3", "A1", flash.JobStarted{}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, Usual)
	if got, want := texts(t, s, "r-1"), ">getvar:product|=flash:boot: ok, 2.00s|=failno answer"; got != want {
		t.Errorf("afterwards: %q, want %q", got, want)
	}
	for _, job := range []string{"r-2", "none", "", "../r-1", "r-1.jsonl", ".r-1"} {
		if got := texts(t, s, job); got != "" {
			t.Errorf("%q has %q", job, got)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A job that has just ended has its trace, whether or not it is in its file yet: never none, nor
// the half that is written.
func TestATraceIsThereWhileItIsWritten(t *testing.T) {
	s := open(t, t.TempDir(), Usual)
	for i := range 200 {
		job := fmt.Sprint("r-", i)
		for n := range 400 {
			s.Wire(wire("A1", "<", fmt.Sprint("INFO", n)))
		}
		s.Event(about(job, "A1", flash.JobDone{Result: flash.Pass}))
		if list, err := s.Lines(job); err != nil || len(list) != 401 {
			t.Fatalf("%s has %d lines, %v", job, len(list), err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(s.ended) != 0 {
		t.Errorf("%d traces are kept in memory", len(s.ended))
	}
}

func TestALongTraceKeepsItsEnds(t *testing.T) {
	s := open(t, t.TempDir(), Usual)
	const all = 10_000
	for i := range all {
		s.Wire(wire("A1", "<", fmt.Sprint("INFO", i)))
	}
	s.Wire(wire("A1", "<", strings.Repeat("x", 9999)+"\x1b[2J"))
	s.Event(about("r-1", "A1", flash.JobDone{}))
	s.writing.Wait()
	list, err := s.Lines("r-1")
	if err != nil || len(list) != firstLines+1+lastLines {
		t.Fatalf("%d lines, %v", len(list), err)
	}
	gap := list[firstLines]
	if list[0].Text != "INFO0" || gap.Dir != "…" || int(gap.Bytes) != all+1-firstLines-lastLines {
		t.Errorf("begins with %+v, leaves out %+v", list[0], gap)
	}
	for i, l := range list[firstLines+1 : len(list)-1] {
		if want := fmt.Sprint("INFO", firstLines+int(gap.Bytes)+i); l.Text != want {
			t.Fatalf("line %d at the end is %q, not %q", i, l.Text, want)
		}
	}
	if last := list[len(list)-1].Text; len(last) > maxText || strings.Contains(last, "\x1b") {
		t.Errorf("the last is %d bytes", len(last))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// The oldest go when there is no room, of an earlier process too; what is not the store's stays.
func TestTheOldestGo(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{"old-1.jsonl": 2 * time.Hour, "old-2.jsonl": time.Hour, "notes.txt": 9 * time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(`{"text":"x"}`+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-age)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, Room{Files: 2, Bytes: 1 << 20})
	for i, want := range []string{"notes.txt old-2.jsonl r-0.jsonl", "notes.txt r-0.jsonl r-1.jsonl", "notes.txt r-1.jsonl r-2.jsonl"} {
		s.Event(about(fmt.Sprint("r-", i), "A1", flash.JobDone{Result: flash.Pass}))
		s.writing.Wait()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("there are %s, not %s", got, want)
		}
	}
	s.room.Bytes = 1
	s.Event(about("r-9", "A1", flash.JobDone{Result: flash.Pass}))
	s.writing.Wait()
	if len(s.files) != 0 || s.bytes != 0 {
		t.Errorf("no room at all: %+v, %d bytes", s.files, s.bytes)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A store that cannot be written says so once, and the station goes on.
func TestWhatCannotBeWrittenIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	said := 0
	s, err := Open(filepath.Join(dir, "traces"), Usual, func(string, ...any) { said++ })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "traces")); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s.Event(about(fmt.Sprint("r-", i), "A1", flash.JobDone{}))
		s.writing.Wait()
	}
	if said != 1 || len(s.places)+len(s.jobs)+len(s.files) != 0 {
		t.Errorf("said %d times, kept %v %v %v", said, s.places, s.jobs, s.files)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"ts":"2026-11-26T10:00:00Z","dir":">","text":"getvar:all"}` + "\n" + `{"dir":"<","bytes":-5}` + "\nx"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		list, err := read(strings.NewReader(string(raw)))
		if err != nil || len(list) > firstLines+lastLines+1 {
			t.Errorf("%d lines, %v", len(list), err)
		}
		for _, l := range list {
			if len(l.Text) > maxText || strings.ContainsAny(l.Text+l.Error+l.TS+l.Dir, "\x1b\n\x00\u202e") {
				t.Errorf("%+v", l)
			}
		}
	})
}
