// The station as a process: tablets come, fail and leave, and the station is killed twice in
// the middle; afterwards the ledger must add up with what the tablets hold.

package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/virtual/imageset"
)

// shift is a bench of virtual tablets with a technician, and what its station told.
type shift struct {
	t       *testing.T
	dir     string
	profile string
	targets []string
	tablets *exec.Cmd
	pipe    *os.File // to the technician
	away    chan struct{}
}

// startShift plugs tablets in.
func startShift(t *testing.T, ports, supply int, args ...string) *shift {
	t.Helper()
	s := &shift{t: t, dir: t.TempDir(), away: make(chan struct{})}
	set, err := imageset.Build(t.Context(), filepath.Join(s.dir, "images"), imageset.Options{Size: 16 << 20})
	if err != nil {
		t.Skipf("no images: %v", err)
	}
	s.profile = set.Profile
	pipe := filepath.Join(s.dir, "events")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.pipe, err = os.OpenFile(pipe, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.pipe.Close() })
	cmd, out, errs := start(t, append([]string{
		"virtual", "--listen", "tcp:127.0.0.1:0", "--count", strconv.Itoa(ports), "--supply", strconv.Itoa(supply),
		"--follow", pipe, "--state", filepath.Join(s.dir, "tablets"),
	}, args...))
	s.tablets = cmd
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "ready" {
		_, target, _ := strings.Cut(lines.Text(), " ")
		s.targets = append(s.targets, target)
	}
	t.Cleanup(func() { <-s.away })
	go func() {
		defer close(s.away)
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Errorf("zarya virtual: %v: %s", err, errs)
		}
	}()
	return s
}

// station lives one life of a station, and gives what it tells to the technician. see may
// end the life.
func (s *shift) station(see func(p *os.Process, e map[string]any)) (code int, stderr string) {
	args := []string{"--json", "--yes", "--ledger", "sqlite:" + filepath.Join(s.dir, "ledger.db"), "station", "--profile", s.profile,
		"--operator", "Ann", "--lot", "L1"}
	for i, target := range s.targets {
		args = append(args, "--target", fmt.Sprintf("A%d=%s", i+1, target))
	}
	return program(s.t, args, func(p *os.Process, e map[string]any) {
		line, err := json.Marshal(e)
		if err != nil {
			s.t.Error(err)
		}
		_, _ = s.pipe.Write(append(line, '\n')) // it is open as long as the test
		see(p, e)
	})
}

func TestStationIsKilledAndGoesOn(t *testing.T) {
	t.Parallel()
	ports, supply := 6, 12
	if n, err := strconv.Atoi(os.Getenv("ZARYA_STATION_TABLETS")); err == nil {
		ports, supply = 16, n
	}
	s := startShift(t, ports, supply, "--pull", "15", "--rate", "40MB", "--fault-on", "VT0002=locked", "--fault-on", "VT0005=unplug=3@40%",
		"--fault-on", "VT0009=fail@flash:system")
	for _, after := range []int{supply / 5, supply / 3} {
		done := 0
		code, stderr := s.station(func(p *os.Process, e map[string]any) {
			if e["type"] == "job-done" {
				if done++; done == after {
					_ = p.Kill()
				}
			}
		})
		if code != 137 {
			t.Fatalf("exit %d: %s", code, stderr)
		}
	}
	var once sync.Once
	code, stderr := s.station(func(p *os.Process, _ map[string]any) {
		once.Do(func() {
			go func() { // stop when the last tablet was taken out
				select {
				case <-s.away:
				case <-time.After(5*time.Minute + time.Duration(supply)*2*time.Second): // the test's own end
					t.Error("the tablets are not done")
				}
				_ = p.Signal(syscall.SIGTERM)
			}()
		})
	})
	if code != 143 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	s.addsUp(supply)
}

// addsUp holds the ledger to what the tablets hold.
func (s *shift) addsUp(supply int) {
	t := s.t
	l, err := ledger.OpenReader(t.Context(), filepath.Join(s.dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
	jobs, err := l.Jobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	system, err := os.ReadFile(filepath.Join(filepath.Dir(s.profile), "system.img"))
	if err != nil {
		t.Fatal(err)
	}
	if differences, err := l.VerifyAttempts(t.Context()); err != nil || len(differences) > 0 {
		t.Errorf("the attempts: %v %v", differences, err)
	}
	last := map[string]string{}
	attempts := map[string]int64{}
	results := map[string]int{}
	for _, j := range jobs {
		if j.Result == "" {
			t.Errorf("%s of %s has no result", j.Job, j.Serial)
		}
		if attempts[j.Serial]++; j.Serial != "" && j.Attempt != attempts[j.Serial] {
			t.Errorf("%s is attempt %d of %s, which had %d", j.Job, j.Attempt, j.Serial, attempts[j.Serial])
		}
		if j.Operator != "Ann" || j.Lot != "L1" || j.Program == "" {
			t.Errorf("%s: by %q in lot %q with %q", j.Job, j.Operator, j.Lot, j.Program)
		}
		last[j.Serial] = j.Result
		results[j.Result]++
	}
	passed := 0
	for i := range supply {
		serial := fmt.Sprintf("VT%04d", i+1)
		result := last[serial]
		holds := s.holds(serial, system)
		switch {
		case result == "pass" || result == "compliant":
			passed++
			if !holds {
				t.Errorf("%s is recorded as %s, and does not hold the image", serial, result)
			}
		case serial == "VT0002":
			if holds {
				t.Errorf("%s is recorded as %s, and holds the image", serial, result)
			}
		default:
			t.Errorf("%s ended as %q", serial, result)
		}
	}
	if passed != supply-1 {
		t.Errorf("%d of %d passed", passed, supply)
	}
	t.Logf("%d tablets, %d jobs: %v", supply, len(jobs), results)
}

// holds reports whether a tablet's system partition begins with the image.
func (s *shift) holds(serial string, image []byte) bool {
	found, _ := filepath.Glob(filepath.Join(s.dir, "tablets", serial, "system*.img"))
	for _, path := range found {
		f, err := os.Open(path)
		if err != nil {
			s.t.Fatal(err)
		}
		got := sha256.New()
		_, err = io.CopyN(got, f, int64(len(image)))
		_ = f.Close()
		want := sha256.Sum256(image)
		if err == nil && string(got.Sum(nil)) == string(want[:]) {
			return true
		}
	}
	return false
}
