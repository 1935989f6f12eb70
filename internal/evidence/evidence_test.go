package evidence

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
)

// key makes a key and a file of signers that has it for the station.
func key(t *testing.T, station string) (*Key, Signers) {
	t.Helper()
	dir := t.TempDir()
	k, err := OpenKey(filepath.Join(dir, "keys", "signing_key"), station)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "signers")
	if err := os.WriteFile(file, []byte("# stations\n\n"+k.AllowedLine(station)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSigners(file)
	if err != nil {
		t.Fatal(err)
	}
	return k, s
}

func TestHeadsAreHeldToTheirSignatures(t *testing.T) {
	k, signers := key(t, "bench")
	stranger, _ := key(t, "bench")
	head := ledger.Head{Station: "bench", Seq: 12, Hash: strings.Repeat("ab", 32)}
	signed, err := k.SignHead(head, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	if signed.Time != "2001-09-09T01:46:40Z" {
		t.Error(signed.Time)
	}
	if err := signers.CheckHead(signed); err != nil {
		t.Error(err)
	}
	others, err := stranger.SignHead(head, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	var nobody Signers
	for name, c := range map[string]struct {
		signers Signers
		change  func(*ledger.Head)
		of      ledger.Head
		says    string
	}{
		"another number":       {signers, func(h *ledger.Head) { h.Seq++ }, signed, "over another text"},
		"another hash":         {signers, func(h *ledger.Head) { h.Hash = strings.Repeat("ac", 32) }, signed, "over another text"},
		"another time":         {signers, func(h *ledger.Head) { h.Time = "2001-09-09T01:46:41Z" }, signed, "over another text"},
		"another station":      {signers, func(h *ledger.Head) { h.Station = "bench2" }, signed, "over another text"},
		"no signature":         {signers, func(h *ledger.Head) { h.Signature = "" }, signed, "is not signed"},
		"no signature at all":  {signers, func(h *ledger.Head) { h.Signature = "x" }, signed, "no SSH signature"},
		"a stranger's key":     {signers, func(*ledger.Head) {}, others, "which is no key of bench"},
		"changed, and nobody":  {nobody, func(h *ledger.Head) { h.Seq++ }, signed, "over another text"},
		"unsigned, and nobody": {nobody, func(h *ledger.Head) { h.Signature = "" }, signed, ""},
		"a stranger, nobody":   {nobody, func(*ledger.Head) {}, others, ""},
	} {
		h := c.of
		c.change(&h)
		err := c.signers.CheckHead(h)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignersThatAreNone(t *testing.T) {
	k, _ := key(t, "bench")
	line := k.AllowedLine("bench")
	for name, c := range map[string]struct{ text, says string }{
		"nothing":           {"# none\n", "no key in it"},
		"no key":            {"bench ssh-ed25519 xyz\n", "line 1: no key"},
		"an unknown option": {strings.Replace(line, "namespaces=", "cert-authority,namespaces=", 1), "is not known"},
		"a name only":       {"\nbench\n", "line 2: a line is"},
	} {
		file := filepath.Join(t.TempDir(), "signers")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSigners(file); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key is made whole and once, whoever else makes one at the same time.
func TestKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "signing_key")
	var all sync.WaitGroup
	lines := make([]string, 16)
	for i := range lines {
		all.Go(func() {
			k, err := OpenKey(path, "bench")
			if err != nil {
				t.Error(err)
				return
			}
			lines[i] = k.AllowedLine("bench")
		})
	}
	all.Wait()
	for _, l := range lines {
		if l != lines[0] {
			t.Fatal("two keys were made")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if rest, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); len(rest) > 0 {
		t.Error(rest)
	}
	if err := os.WriteFile(path, []byte("rot"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path, "bench"); err == nil || !strings.Contains(err.Error(), "is no private key") {
		t.Error(err) // and it was not made anew
	}
}

// chain is a ledger that grows by hand.
type chain struct {
	mu      sync.Mutex
	seq     int64
	changed chan struct{}
}

func (c *chain) Head(context.Context) (ledger.Head, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ledger.Head{Station: "bench", Seq: c.seq, Hash: strings.Repeat("00", 32)}, nil
}

func (c *chain) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

func (c *chain) grow(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq += n
	close(c.changed)
	c.changed = make(chan struct{})
}

// memory is a witness that can be away.
type memory struct {
	heads []ledger.Head
	away  bool
}

func (m *memory) String() string { return "memory" }

func (m *memory) Keep(_ context.Context, h ledger.Head) error {
	if m.away {
		return errors.New("away")
	}
	m.heads = append(m.heads, h)
	return nil
}

func TestHeadsAreKeptAsTheChainGrows(t *testing.T) {
	k, signers := key(t, "bench")
	synctest.Test(t, func(t *testing.T) {
		c, w, gone := &chain{changed: make(chan struct{})}, &memory{}, &memory{away: true}
		var warned []string
		s := Start(t.Context(), Options{Key: k, Chain: c, Witnesses: []Witness{gone, w}, Every: 10,
			Warn: func(format string, args ...any) { warned = append(warned, format) }})
		for range 25 {
			c.grow(1)
			synctest.Wait()
		}
		if len(w.heads) != 2 || w.heads[0].Seq != 10 || w.heads[1].Seq != 20 {
			t.Errorf("%+v", w.heads)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if len(w.heads) != 3 || w.heads[2].Seq != 25 {
			t.Errorf("the last head was not kept: %+v", w.heads)
		}
		for _, h := range w.heads {
			if err := signers.CheckHead(h); err != nil {
				t.Error(err)
			}
		}
		if len(warned) != 1 {
			t.Errorf("a witness that stays away was told %d times", len(warned))
		}
	})
}

// askedChain is a chain that does not answer once its caller has gone, as a database.
type askedChain struct{ chain }

func (c *askedChain) Head(ctx context.Context) (ledger.Head, error) {
	if err := ctx.Err(); err != nil {
		return ledger.Head{}, err
	}
	return c.chain.Head(ctx)
}

// The chain grows while all ends: that is no trouble, and its head is kept.
func TestHeadIsKeptAtTheEnd(t *testing.T) {
	k, _ := key(t, "bench")
	synctest.Test(t, func(t *testing.T) {
		for range 50 { // which of two things that happen at once is seen first, nobody knows
			c, w := &askedChain{chain{changed: make(chan struct{})}}, &memory{}
			ctx, end := context.WithCancel(t.Context())
			keeper := &Keeper{Chain: c, Key: k, Witnesses: []Witness{w}, Every: 10, Told: func(err error) {
				if err != nil {
					t.Error(err)
				}
			}}
			ended := make(chan struct{})
			go func() { defer close(ended); keeper.Run(ctx) }()
			synctest.Wait()
			c.grow(3)
			end()
			<-ended
			if len(w.heads) != 1 || w.heads[0].Seq != 3 {
				t.Fatalf("%+v", w.heads)
			}
		}
	})
}

func TestEmptyChainHasNoHead(t *testing.T) {
	k, _ := key(t, "bench")
	synctest.Test(t, func(t *testing.T) {
		w := &memory{}
		s := Start(t.Context(), Options{Key: k, Chain: &chain{changed: make(chan struct{})}, Witnesses: []Witness{w}, Every: 10})
		if err := s.Close(); err != nil || len(w.heads) > 0 {
			t.Error(err, w.heads)
		}
	})
}

func FuzzParseReceipt(f *testing.F) {
	f.Add([]byte(`{"v":1,"kind":"receipt","record":"bench-1"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := parseReceipt(text); (r == nil) == (err == nil) {
			t.Error(r, err)
		}
	})
}
