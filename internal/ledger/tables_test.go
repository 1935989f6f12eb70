// What the ledger tells of its entries: clashes of identities, claims, bundles, times.

package ledger

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
)

// TestClashes holds two stations to each other: what neither could know when it said PASS.
func TestClashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	pass := func(station, job, serial, mac, id string) error {
		l, err := Open(t.Context(), path, station)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}()
		if _, err := l.db.ExecContext(t.Context(), "DELETE FROM claim"); err != nil { // as if this station were alone
			t.Fatal(err)
		}
		_, err = l.Result(flash.Job{ID: job}, flash.Where{Serial: serial}, flash.JobDone{Result: flash.Pass,
			Facts: map[string]string{"usb-serial": serial, "wifi-mac": mac, "machine-id": id}, Unique: []string{"machine-id", "usb-serial"}})
		return err
	}
	for _, r := range [][5]string{{"a", "1", "S1", "m1", "x"}, {"b", "2", "S2", "m2", "x"}, {"b", "3", "S1", "m1", "x"},
		{"b", "4", "S3", "m3", "y"}, {"a", "5", "S3", "m4", "z"}} {
		if err := pass(r[0], r[1], r[2], r[3], r[4]); err != nil {
			t.Fatal(err)
		}
	}
	l, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	got, err := l.Clashes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []Clash{{"machine-id", "x", [2]string{"a-1", "b-1"}}, {"usb-serial", "S3", [2]string{"a-2", "b-3"}}}
	found := map[Clash]bool{}
	for _, c := range got {
		found[c] = true
	}
	for _, c := range want {
		if !found[c] {
			t.Errorf("%v is not found: %v", c, got)
		}
	}
}

// TestClaims holds one station's tablets to each other, many at once.
func TestClaims(t *testing.T) {
	l, err := OpenMemory("s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	result := func(job, serial, mac, id string) error {
		_, err := l.Result(flash.Job{ID: job}, flash.Where{}, flash.JobDone{Result: flash.Pass,
			Facts:  map[string]string{"usb-serial": serial, "wifi-mac": mac, "machine-id": id},
			Unique: []string{"machine-id", "usb-serial", "wifi-mac"}})
		return err
	}
	var wg sync.WaitGroup
	var passed, double atomic.Int32
	for i := range 16 { // all with one machine-id: one of them may have it
		wg.Go(func() {
			var d *flash.DoubleError
			switch err := result(fmt.Sprint(i), fmt.Sprintf("S%d", i), fmt.Sprintf("m%d", i), "same"); {
			case err == nil:
				passed.Add(1)
			case errors.As(err, &d) && d.Fact == "machine-id":
				double.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 || double.Load() != 15 {
		t.Errorf("%d passed, %d did not", passed.Load(), double.Load())
	}
	if err := result("again", "T", "mt", "own"); err != nil {
		t.Error(err)
	}
	if err := result("again", "T", "mt", "new"); err != nil {
		t.Errorf("the same tablet with a new machine-id: %v", err)
	}
	var d *flash.DoubleError
	if err := result("twin", "T", "other", "third"); !errors.As(err, &d) || d.Fact != "usb-serial" {
		t.Errorf("another tablet with its serial: %v", err)
	}
	if _, err := l.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOneFactTellsTablets apart: of two records with the same machine-id, each of the
// identifying facts alone shows that they are of two tablets, if both have it.
func TestOneFactTellsTabletsApart(t *testing.T) {
	for _, test := range []struct {
		a, b string // usb-serial, wifi-mac, imei
		two  bool
	}{
		{"S1 - -", "S2 - -", true},
		{"- m1 -", "- m2 -", true},
		{"- - i1", "- - i2", true},
		{"S1 m1 i1", "S2 m1 i1", true},
		{"S1 m1 i1", "S1 m2 i1", true},
		{"S1 m1 i1", "S1 m1 i2", true},
		{"S1 m1 i1", "S1 m1 i1", false},
		{"S1 - -", "- m1 -", false}, // nothing that both have differs
		{"S1 m1 -", "S1 - i1", false},
	} {
		done := func(who string) flash.JobDone {
			d := flash.JobDone{Result: flash.Pass, Facts: map[string]string{"machine-id": "same"}, Unique: []string{"machine-id"}}
			for i, v := range strings.Fields(who) {
				if v != "-" {
					d.Facts[[]string{"usb-serial", "wifi-mac", "imei"}[i]] = v
				}
			}
			return d
		}
		// At one station the second is refused.
		l, err := OpenMemory("s")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Result(flash.Job{ID: "1"}, flash.Where{}, done(test.a)); err != nil {
			t.Fatal(err)
		}
		var double *flash.DoubleError
		if _, err := l.Result(flash.Job{ID: "2"}, flash.Where{}, done(test.b)); errors.As(err, &double) != test.two || err != nil && !test.two {
			t.Errorf("%s and %s: %v", test.a, test.b, err)
		}
		// Of two stations, verifying finds them.
		if _, err := l.db.ExecContext(t.Context(), "DELETE FROM claim"); err != nil {
			t.Fatal(err)
		}
		l.station = "t"
		if _, err := l.Result(flash.Job{ID: "3"}, flash.Where{}, done(test.b)); err != nil {
			t.Fatal(err)
		}
		clashes, err := l.Clashes(t.Context())
		if err != nil || len(clashes) > 0 != test.two {
			t.Errorf("%s and %s: %v, %v", test.a, test.b, clashes, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSince goes by the chain: a clock that is set back hides nothing.
func TestSince(t *testing.T) {
	at := func(hour int) string { return fmt.Sprintf("2026-11-26T%02d:00:00.000000Z", hour) }
	jobs := []*JobRecord{{Job: "1", Station: "a", Started: at(8)}, {Job: "2", Station: "a", Ended: at(10)},
		{Job: "3", Station: "a", Started: at(2)}, {Job: "4", Station: "b", Started: at(3)}}
	for hour, want := range map[int]string{1: "1234", 8: "123", 9: "23", 11: ""} {
		got := ""
		for _, j := range Since(jobs, time.Date(2026, 11, 26, hour, 0, 0, 0, time.UTC)) {
			got += j.Job
		}
		if got != want {
			t.Errorf("since %d: %s, not %s", hour, got, want)
		}
	}
}

// TestBundles finds which versions of a bundle passed, and no others.
func TestBundles(t *testing.T) {
	l, err := OpenMemory("s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for bundle, result := range map[string]flash.JobResult{"aurora 5.1": flash.Pass, "aurora 5.2": flash.Fail, "aurora-x 1": flash.Pass,
		"": flash.Pass} {
		if _, err := l.Result(flash.Job{ID: bundle, Bundle: bundle}, flash.Where{}, flash.JobDone{Result: result}); err != nil {
			t.Fatal(err)
		}
	}
	if versions, err := l.Bundles(t.Context(), "aurora"); err != nil || len(versions) != 1 || versions[0] != "5.1" {
		t.Errorf("%v %v", versions, err)
	}
}
