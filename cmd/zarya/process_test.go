// The program as a process: signals, kill -9, memory, and every exit code.

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/heldaddr"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/signals"
	"github.com/zarya-station/zarya/internal/virtual"
)

// farm runs n virtual tablets in this process and gives their addresses.
func farm(t *testing.T, n int, change func(i int, c *virtual.Config)) []string {
	t.Helper()
	family, err := virtual.FamilyByName("kirin710a-ags3")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, n)
	var addresses []string
	for i := range n {
		c := virtual.Config{Serial: fmt.Sprintf("VT%04d", i+1), Family: family, Dir: t.TempDir()}
		if change != nil {
			change(i, &c)
		}
		tablet, err := virtual.New(c)
		if err != nil {
			t.Fatal(err)
		}
		at, err := heldaddr.Hold("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, "tcp:"+at.Addr())
		go func() {
			err := tablet.Serve(ctx, at, at.Addr())
			_ = at.Close()
			if err != nil {
				t.Error(err) // now: what waits for the tablet would hide it
			}
			done <- err
		}()
	}
	t.Cleanup(func() {
		cancel()
		for range n {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return addresses
}

// start runs zarya.
func start(t *testing.T, args []string) (cmd *exec.Cmd, stdout io.ReadCloser, stderr *bytes.Buffer) {
	t.Helper()
	return startAs(t, "zarya", args)
}

// startAs runs one of the programs that TestMain makes of this binary.
func startAs(t *testing.T, name string, args []string) (cmd *exec.Cmd, stdout io.ReadCloser, stderr *bytes.Buffer) {
	t.Helper()
	exe, err := exec.LookPath(name) // testscript.Main put this binary there
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), exe, args...)
	if stdout, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	stderr = &bytes.Buffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdout, stderr
}

// program starts zarya with --json and hands its events to see; it returns when
// the program has ended.
func program(t *testing.T, args []string, see func(p *os.Process, e map[string]any)) (code int, stderr string) {
	t.Helper()
	return programAs(t, "zarya", args, see)
}

// programAs is program under another of this binary's names.
func programAs(t *testing.T, name string, args []string, see func(p *os.Process, e map[string]any)) (code int, stderr string) {
	t.Helper()
	cmd, out, errs := startAs(t, name, args)
	return follow(t, cmd, out, errs, see)
}

// follow hands the events of a program that runs to see, until it has ended.
func follow(t *testing.T, cmd *exec.Cmd, out io.Reader, errs *bytes.Buffer,
	see func(p *os.Process, e map[string]any)) (code int, stderr string) {
	t.Helper()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e map[string]any
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("%s: %v", lines.Text(), err)
		}
		see(cmd.Process, e)
	}
	_ = cmd.Wait()
	if s := cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signaled() {
		return 128 + int(s.Signal()), errs.String()
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}

func flashArgs(image string, addresses []string) []string {
	args := []string{"flash", "--yes", "--json", "--image", "system=" + image}
	for _, a := range addresses {
		args = append(args, "-s", a)
	}
	return args
}

// holey writes an image of size bytes, a quarter of it data.
func holey(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "system.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for at := int64(0); at < size; at += 4 << 20 {
		for i := range block {
			block[i] = byte(int64(i)*7 + at>>20)
		}
		if _, err := f.WriteAt(block, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSignals stops a run in its middle: once, and twice. Every tablet still gets
// its one result.
func TestSignals(t *testing.T) {
	image := holey(t, 64<<20)
	for _, test := range []struct {
		name    string
		signals []os.Signal
		fault   string
		code    int
	}{
		{"interrupt", []os.Signal{os.Interrupt}, "", 130},
		{"terminate", []os.Signal{syscall.SIGTERM}, "", 143},
		{"hang up", []os.Signal{syscall.SIGHUP}, "", 129},
		{"twice, on tablets that stall", []os.Signal{os.Interrupt, os.Interrupt}, "stall@30%", 130},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addresses := farm(t, 3, func(_ int, c *virtual.Config) {
				c.Rate, c.MaxDownload = 2<<20, 1<<20 // it lasts longer than a signal takes to come
				if test.fault != "" {
					f, err := virtual.ParseFault(test.fault)
					if err != nil {
						t.Error(err)
					}
					c.Faults = append(c.Faults, f)
				}
			})
			results := map[string]int{}
			left, summaries := test.signals, 0
			code, stderr := program(t, append(flashArgs(image, addresses), "--concurrency", "2"), func(p *os.Process, e map[string]any) {
				switch e["type"] {
				case "progress", "warning":
					// The operator's warning tells that the first signal was heard.
					heard := e["class"] == "operator"
					if len(left) > 0 && heard == (len(left) < len(test.signals)) && (heard || e["type"] == "progress") {
						if err := p.Signal(left[0]); err != nil {
							t.Error(err)
						}
						left = left[1:]
					}
				case "job-done":
					results[e["result"].(string)]++
				case "summary":
					summaries++
					if int(e["exit"].(float64)) != test.code {
						t.Errorf("the summary says exit %v", e["exit"])
					}
				}
			})
			if code != test.code {
				t.Errorf("exit code %d, not %d: %s", code, test.code, stderr)
			}
			if results["interrupted"] != 2 || results["skipped"] != 1 || summaries != 1 {
				t.Errorf("results %v, %d summaries", results, summaries)
			}
		})
	}
}

// TestClosedPipe closes the output after its first line: the tablets are finished and
// recorded all the same, and the exit code says that the output is not complete.
func TestClosedPipe(t *testing.T) {
	t.Parallel()
	image := holey(t, 32<<20)
	addresses := farm(t, 2, func(_ int, c *virtual.Config) { c.Rate = 2 << 20 })
	db := "sqlite:" + filepath.Join(t.TempDir(), "ledger.db")
	cmd, out, errs := start(t, append(flashArgs(image, addresses), "--ledger", db))
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitStation || !strings.Contains(errs.String(), "only the output is incomplete") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	passed := 0
	program(t, []string{"ledger", "list", "--json", "--result", "pass", "--ledger", db}, func(_ *os.Process, doc map[string]any) {
		passed = len(doc["items"].([]any))
	})
	if passed != 2 {
		t.Errorf("%d of 2 tablets are recorded as passed", passed)
	}
}

// TestMemory flashes sixteen tablets at once and holds the process to 64 MiB of
// anonymous memory, looked at with every event.
func TestMemory(t *testing.T) {
	size := int64(256 << 20)
	if raceDetector {
		size = 32 << 20 // there it is not held to its memory, and races come with the tablets, not with the bytes
	}
	image := holey(t, size)
	addresses := farm(t, 16, func(_ int, c *virtual.Config) { c.MaxDownload = 100 << 20 })
	most, looks := 0, 0
	code, stderr := program(t, flashArgs(image, addresses), func(p *os.Process, _ map[string]any) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
		if err != nil {
			return // it has just ended
		}
		for line := range strings.Lines(string(status)) {
			if text, ok := strings.CutPrefix(line, "RssAnon:"); ok {
				kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(text), " kB"))
				if err != nil {
					t.Fatal(err)
				}
				most, looks = max(most, kb), looks+1
			}
		}
	})
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	t.Logf("at most %d KiB anonymous, looked at %d times", most, looks)
	if looks < 16 || most > 64<<10 && !raceDetector {
		t.Errorf("%d KiB of anonymous memory at most, looked at %d times", most, looks)
	}
}

// TestExitCodes holds the table of docs/events.md to the one place that decides.
func TestExitCodes(t *testing.T) {
	failed := func(c flash.Class) []flash.JobDone { return []flash.JobDone{{Result: flash.Fail, Class: c, Step: "x"}} }
	for want, results := range map[int][]flash.JobDone{ // which kind results are, package runs tests
		0: {{Result: flash.Pass}}, 1: failed(flash.ClassDevice), 9: failed(flash.ClassCable), 70: failed(flash.ClassBug),
		7: {{Result: flash.Fail, Exhausted: true}}, 8: {{Result: flash.Pass, NotDurable: true}},
	} {
		if got := newApp(nil, io.Discard, io.Discard, "").exitCode(results); got != want {
			t.Errorf("%+v: exit %d, not %d", results, got, want)
		}
	}
	for err, want := range map[error]int{
		nil:                                   0,
		errors.New("unknown flag"):            2,
		problem.New(problem.Invalid, "", "x"): 3,
		problem.New(problem.Station, "", "x"): 6,
		exitStatus(exitBench):                 9,
	} {
		a := newApp(nil, io.Discard, io.Discard, "")
		if got := a.report(err); got != want {
			t.Errorf("%v: exit %d, not %d", err, got, want)
		}
	}
	for sig, want := range map[syscall.Signal]int{syscall.SIGHUP: 129, syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		a := newApp(nil, io.Discard, io.Discard, "")
		a.Signals = signals.Watch(nil)
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		<-a.Signals.Drain()
		if got := a.report(problem.New(problem.Failed, "", "x")); got != want {
			t.Errorf("%v: exit %d, not %d", sig, got, want)
		}
		a.Signals.Stop()
	}
}
