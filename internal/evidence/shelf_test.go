package evidence

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
)

// shelf is a station that keeps heads of bench, at an address.
func shelf(t *testing.T) (s *Shelf, at Remote, bench *Key) {
	t.Helper()
	bench, _ = key(t, "bench")
	s = &Shelf{Dir: filepath.Join(t.TempDir(), "heads"), Signers: filepath.Join(t.TempDir(), "signers")}
	if err := os.WriteFile(s.Signers, []byte(bench.AllowedLine("bench")), 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /heads", s)
	mux.Handle("GET /heads/{station}", s)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, Remote(server.URL), bench
}

// signed is a head of the bench with a hash of its own.
func signed(t *testing.T, k *Key, station string, seq int64, hash string) ledger.Head {
	t.Helper()
	h, err := k.SignHead(ledger.Head{Station: station, Seq: seq, Hash: strings.Repeat(hash, 32)}, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAStationKeepsHeadsOfAnother(t *testing.T) {
	s, at, bench := shelf(t)
	for _, h := range []ledger.Head{signed(t, bench, "bench", 5, "05"), signed(t, bench, "bench", 9, "09"), signed(t, bench, "bench", 5, "05"),
		signed(t, bench, "bench", 9, "09")} { // answers that were lost
		if err := at.Keep(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := FetchHeads(t.Context(), string(at)+"/heads/bench")
	if err != nil || len(kept) != 2 || kept[0].Seq != 5 || kept[1] != signed(t, bench, "bench", 9, "09") {
		t.Fatalf("%+v, %v", kept, err)
	}
	for _, h := range []ledger.Head{signed(t, bench, "bench", 8, "08"), signed(t, bench, "bench", 9, "aa")} {
		if err := at.Keep(t.Context(), h); err == nil || !strings.Contains(err.Error(), "bench-9 here already: the ledger was set back") {
			t.Errorf("%d: %v", h.Seq, err)
		}
		var older *OlderError
		if err := s.Put(h); !errors.As(err, &older) || older.Kept.Seq != 9 {
			t.Errorf("%d: %v", h.Seq, err)
		}
	}
	if _, err := FetchHeads(t.Context(), string(at)+"/heads/other"); err == nil {
		t.Error("heads of a station that sent none")
	}
}

// TestOnlySignedHeadsAreKept: of stations that may be witnessed, in files of their own.
func TestOnlySignedHeadsAreKept(t *testing.T) {
	s, at, bench := shelf(t)
	stranger, _ := key(t, "bench")
	unsigned := signed(t, bench, "bench", 1, "01")
	unsigned.Signature = ""
	other := signed(t, bench, "bench", 1, "01")
	other.Seq = 2
	for name, h := range map[string]ledger.Head{"a stranger's": signed(t, stranger, "bench", 1, "01"), "unsigned": unsigned,
		"of another number": other, "of another station": signed(t, bench, "other", 1, "01"), "no head": {}} {
		if err := at.Keep(t.Context(), h); err == nil || !strings.Contains(err.Error(), "it says 40") {
			t.Errorf("%s: %v", name, err)
		}
	}
	large := `{"station":"` + strings.Repeat("x", maxHead) + `"}`
	for name, body := range map[string]string{"large": large, "rubbish": "<html>", "empty": ""} {
		answer, err := http.Post(string(at)+"/heads", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s %s", name, answer.Status, text)
		}
	}
	// A name is never a path, whoever signed.
	for _, station := range []string{"../x", "a/b", ".x", `a\b`, strings.Repeat("x", 65)} {
		if err := os.WriteFile(s.Signers, []byte(strings.Replace(bench.AllowedLine("bench"), "bench", station, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(signed(t, bench, station, 1, "01")); err == nil || !strings.Contains(err.Error(), "is no name to keep heads of") {
			t.Errorf("heads of %q: %v", station, err)
		}
	}
	if _, err := os.Stat(s.Dir); err == nil {
		t.Error("something was kept")
	}
}

// TestHeadsThatAreKeptAreBounded: the newest stay, which prove the older ones.
func TestHeadsThatAreKeptAreBounded(t *testing.T) {
	s, _, bench := shelf(t)
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	n := 0
	for ; b.Len() <= maxShelf; n++ {
		fmt.Fprintf(&b, `{"v":1,"kind":"heads","items":[{"station":"bench","seq":%d,"hash":"%064d"}]}`+"\n", n+1, n)
	}
	if err := os.WriteFile(s.file("bench"), []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(signed(t, bench, "bench", int64(n)+1, "0a")); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(s.file("bench"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := ledger.ReadHeads(f)
	if err != nil || info.Size() > maxShelf*2/3 || kept[len(kept)-1].Seq != int64(n)+1 || kept[len(kept)-2].Seq != int64(n) {
		t.Errorf("%d bytes, %d heads, %v", info.Size(), len(kept), err)
	}
}
