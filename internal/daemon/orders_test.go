//go:build unix

package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/evidence"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/signals"
	"github.com/zarya-station/zarya/internal/station"
)

// A hangup reads profiles again, also after one that could not be read; the signal to stop ends
// the station.
func TestSignalsAreObeyed(t *testing.T) {
	p := newPlace(t)
	o := p.options("A1=tcp:127.0.0.1:1")
	told, reads := make(chan string, 4), make(chan error, 4)
	o.Warn = func(format string, args ...any) { p.warn(format, args...); told <- format }
	o.Reload = func(ctx context.Context) (*recipe.Set, error) {
		set, err := p.set(ctx)
		reads <- err
		return set, err
	}
	d, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := signals.Watch(errors.New("stopped"))
	defer s.Stop()
	stop := d.Obey(s)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(s.Context()) }()
	send := func(sig syscall.Signal) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(p.dir, "p.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("p.yaml", "zarya: 1\nname: [broken")
	send(syscall.SIGHUP)
	if err := <-reads; err == nil {
		t.Error("a broken profile was read")
	}
	if said := <-told; !strings.Contains(said, "the old profiles and bundles stay") {
		t.Errorf("it said %q", said)
	}
	p.write("p.yaml", string(text))
	send(syscall.SIGHUP)
	if err := <-reads; err != nil {
		t.Error(err)
	}
	send(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if s.Context().Err() != nil {
		t.Error("one signal was taken for two")
	}
	stop()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for want, o := range map[string]Options{"--pool-low": {PoolLow: -1}, "--supervisor": {Supervisors: []string{"9", ""}},
		"--concurrency": {Concurrency: -1}} {
		err := o.Check()
		if kind, _ := problem.KindOf(err); err == nil || kind != problem.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := (Options{PoolLow: 3, Supervisors: []string{"*"}, Concurrency: 16}).Check(); err != nil {
		t.Error(err)
	}
}

// Each mistake about the page is found before a tablet is touched, and the outputs that were
// opened for the station are closed.
func TestAPageThatCannotBe(t *testing.T) {
	p := newPlace(t)
	p.write("signers", "bench no-key\n")
	for name, page := range map[string]Page{
		"no token":     {Listen: "127.0.0.1:0", TokenFile: filepath.Join(p.dir, "token-not")},
		"no signers":   {Listen: "127.0.0.1:0", WitnessFor: filepath.Join(p.dir, "signers-not")},
		"bad signers":  {Listen: "127.0.0.1:0", WitnessFor: filepath.Join(p.dir, "signers")},
		"no address":   {Listen: "none", WitnessFor: filepath.Join(p.dir, "signers")},
		"half a key":   {Listen: "127.0.0.1:0", Cert: filepath.Join(p.dir, "cert"), Asked: true},
		"to all, open": {Listen: "0.0.0.0:0", Asked: true},
	} {
		p.sink.closed = false
		o := p.options("A1=tcp:127.0.0.1:1")
		o.Page = page
		if d, err := New(t.Context(), o); err == nil {
			t.Errorf("%s is a page", name)
			_ = d.Close()
		}
		if !p.sink.closed {
			t.Errorf("%s: the outputs are open still", name)
		}
	}
}

// A page keeps the heads of the stations whose keys it has, beside the ledger.
func TestAPageKeepsHeads(t *testing.T) {
	p := newPlace(t)
	key, err := evidence.OpenKey(filepath.Join(p.dir, "other_key"), "other")
	if err != nil {
		t.Fatal(err)
	}
	p.write("signers", key.AllowedLine("other"))
	o := p.options("A1=tcp:127.0.0.1:1")
	o.Page.WitnessFor = filepath.Join(p.dir, "signers")
	d, ended := p.run(o)
	head := signedHead(t, key)
	witness := evidence.Remote("http://" + d.page.Addr())
	if err := witness.Keep(t.Context(), head); err != nil {
		t.Errorf("a head was not kept: %v", err)
	}
	kept, err := evidence.FetchHeads(t.Context(), "http://"+d.page.Addr()+"/heads/other")
	if err != nil || len(kept) != 1 || kept[0] != head {
		t.Errorf("kept %+v, %v", kept, err)
	}
	if list, err := os.ReadDir(filepath.Join(p.dir, "heads")); err != nil || len(list) != 1 {
		t.Errorf("beside the ledger are %v, %v", list, err)
	}
	if err := d.Station.Do(t.Context(), station.Order{Do: station.OrderStop}); err != nil {
		t.Error(err)
	}
	if err := errors.Join(<-ended, d.Close()); err != nil {
		t.Error(err)
	}
}

// signedHead is where the chain of the station other ends, signed by it.
func signedHead(t *testing.T, key *evidence.Key) ledger.Head {
	t.Helper()
	head, err := key.SignHead(ledger.Head{Station: "other", Seq: 3, Hash: strings.Repeat("0a", 32)}, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	return head
}
