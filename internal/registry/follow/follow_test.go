package follow_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/follow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// site is a folder whose tag moves, and a machine that follows it.
type site struct {
	*testing.T
	dir    string
	client *registry.Client
	tag    registry.Reference

	mu    sync.Mutex
	taken []string      // guarded by mu; versions
	news  []follow.News // guarded by mu
	bad   error         // guarded by mu; of what is taken over
	wrong error         // guarded by mu; of whoever signed
}

// fail says what goes wrong from now on.
func (s *site) fail(wrong, bad error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong, s.bad = wrong, bad
}

// heard returns what was told since it was asked last.
func (s *site) heard() (news []follow.News) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news, s.news = s.news, nil
	return news
}

func (s *site) versions() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.taken)
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{T: t, dir: t.TempDir()}
	store, err := registry.OpenStore(filepath.Join(s.dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	s.client = &registry.Client{Store: store}
	if s.tag, err = registry.Parse("oci-layout:" + filepath.Join(s.dir, "site") + ":stable"); err != nil {
		t.Fatal(err)
	}
	return s
}

// move makes the tag name a new bundle.
func (s *site) move(name, version string) {
	s.Helper()
	r := rand.NewChaCha8([32]byte{})
	text := make([]byte, 300<<10)
	_, _ = r.Read(text)
	copy(text, version)
	file, path := filepath.Join(s.dir, "boot.img"), filepath.Join(s.dir, name+version+".bundle")
	_ = os.Remove(path)
	err := os.WriteFile(file, text, 0o600)
	if err == nil {
		about := bundle.Manifest{Name: name, Version: version, Models: []string{"KOB2-W09"}, Access: "none"}
		err = bundle.Build(s.Context(), path, about, []bundle.Source{{Partition: "boot", Path: file}}, bundle.Options{})
	}
	if err != nil {
		s.Fatal(err)
	}
	b, err := bundle.Open(path)
	if err == nil {
		_, err = s.client.Push(s.Context(), b, s.tag)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// follower is one process that follows.
func (s *site) follower() *follow.Follower {
	f := &follow.Follower{Client: s.client, Tag: s.tag, Every: 10 * time.Minute, Keep: 2}
	f.Tell = func(n follow.News) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.news = append(s.news, n)
	}
	f.Gate = func(context.Context, *bundle.Bundle) (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return "release@zarya", s.wrong
	}
	f.Take = func(context.Context) error {
		b, err := s.client.Store.Open(f.Now())
		if err != nil {
			return err
		}
		defer b.Close()
		if err := b.Verify(s.Context(), nil); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.bad == nil {
			s.taken = append(s.taken, b.Manifest.Version)
		}
		return s.bad
	}
	return f
}

// start begins.
func (s *site) start(f *follow.Follower) {
	s.Helper()
	if _, err := f.Start(s.Context(), false); err != nil {
		s.Fatal(err)
	}
	s.heard()
}

// told holds the last news to a stage and words.
func (s *site) told(stage follow.Stage, words string) {
	s.Helper()
	all := s.heard()
	if len(all) == 0 {
		s.Fatalf("nothing was told, not %v with %q", stage, words)
	}
	n := all[len(all)-1]
	if n.Stage != stage || !strings.Contains(n.String(), words) {
		s.Errorf("told %v: %s, not %v with %q", n.Stage, n, stage, words)
	}
}

// TestFollow lets a tag move for hours of the bubble's time: what is newer is taken over at
// the next look, and what may not be is refused and changes nothing.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		s.move("census", "5.1")
		f := s.follower()
		s.start(f)
		first := f.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); f.Run(ctx) }()
		look := func() { time.Sleep(10*time.Minute + time.Second); synctest.Wait() } // of the bubble
		look()
		if s.told(follow.Same, ""); f.Now() != first || s.versions() != "[]" {
			t.Errorf("%v was taken over again", s.versions())
		}
		s.move("census", "5.2")
		if f.Now() != first {
			t.Error("it was taken over before anybody looked")
		}
		look()
		var stages []follow.Stage
		var last follow.News
		for _, last = range s.heard() {
			stages = append(stages, last.Stage)
		}
		if want := []follow.Stage{follow.Coming, follow.Taking, follow.Took}; fmt.Sprint(stages) != fmt.Sprint(want) {
			t.Errorf("stages %v", stages)
		}
		if words := last.String(); words != "census 5.1 -> 5.2, signed by release@zarya" {
			t.Error(words)
		}
		if s.versions() != "[5.2]" {
			t.Errorf("taken %v", s.versions())
		}
		second := f.Now()

		s.move("census", "5.1.9")
		look()
		s.told(follow.Refused, "names census 5.1.9, and 5.2 was taken over here: it does not go back")
		s.move("other", "6")
		look()
		s.told(follow.Refused, "names the bundle other, and was followed for census")
		s.fail(errors.New("is signed by nobody"), nil)
		s.move("census", "5.3")
		look()
		s.told(follow.Refused, "signed by nobody")
		s.fail(nil, errors.New("the profile is not for it"))
		look()
		s.told(follow.Refused, "the profile is not for it")
		look()
		if again := s.heard(); len(again) != 1 || again[0].Stage != follow.Refused {
			t.Errorf("what failed is tried again: %v", again)
		}
		if f.Now() != second || s.versions() != "[5.2]" {
			t.Errorf("%v is used, taken %v", f.Now(), s.versions())
		}
		s.fail(nil, nil)
		s.move("census", "5.4")
		look()
		s.told(follow.Took, "5.2 -> 5.4")
		away := filepath.Join(s.dir, "away")
		if err := os.Rename(s.tag.Folder, away); err != nil {
			t.Fatal(err)
		}
		look()
		s.told(follow.Away, "no such file")
		cancel()
		<-done

		// The next process begins with it though nobody answers, and does not go back either.
		again := s.follower()
		s.start(again)
		if again.Now() != f.Now() {
			t.Errorf("it begins with %s", again.Now())
		}
		if err := os.Rename(away, s.tag.Folder); err != nil {
			t.Fatal(err)
		}
		s.move("census", "5.3")
		again.Look(t.Context())
		s.told(follow.Refused, "5.4 was taken over here")
		if _, err := again.Start(t.Context(), true); err == nil {
			t.Error("it begins with an older one")
		}
		left, err := s.client.Store.Prune(9, "")
		if err != nil || len(left.Bundles) > 3 {
			t.Errorf("%d bundles are kept: %v", len(left.Bundles), err)
		}
	})
}

// TestNobodySaysWhoSigns follows nothing where no signer is named.
func TestNobodySaysWhoSigns(t *testing.T) {
	s := newSite(t)
	s.move("census", "5.1")
	f := s.follower()
	f.Gate = func(context.Context, *bundle.Bundle) (string, error) { return "", nil }
	if _, err := f.Start(t.Context(), false); err == nil || !strings.Contains(err.Error(), "nothing here says who may sign") {
		t.Error(err)
	}
}

// TestDamagedStart begins anew from the tag when what is here is damaged.
func TestDamagedStart(t *testing.T) {
	s := newSite(t)
	s.move("census", "5.1")
	f := s.follower()
	s.start(f)
	ctx, cancel := context.WithCancel(t.Context())
	f.Tell = func(follow.News) { cancel() } // when it has looked
	f.Run(ctx)
	blobs, err := filepath.Glob(filepath.Join(s.client.Store.Dir(), "blobs", "*"))
	if err != nil || len(blobs) == 0 {
		t.Fatal(err, blobs)
	}
	for _, b := range blobs {
		if err := os.Remove(b); err != nil {
			t.Fatal(err)
		}
	}
	again := s.follower()
	s.start(again)
	if err := again.Take(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOnlyTagsCanBeFollowed(t *testing.T) {
	client := func() (*registry.Client, error) { return &registry.Client{}, nil }
	list, err := follow.Tags([]string{"oci://h/r:stable", "oci://h/s:stable"}, client, &follow.Follower{Keep: 2, Every: time.Minute})
	if err != nil || len(list) != 2 || list[1].Tag.Tag != "stable" || list[1].Keep != 2 || list[1].Every != time.Minute {
		t.Errorf("%v, %v", list, err)
	}
	for _, name := range []string{"oci://h/r@sha256:" + strings.Repeat("a", 64), "b.bundle"} {
		if _, err := follow.Tags([]string{name}, client, &follow.Follower{}); err == nil {
			t.Errorf("%s is followed", name)
		}
	}
	broken := errors.New("no store")
	if _, err := follow.Tags([]string{"oci://h/r:stable"}, func() (*registry.Client, error) { return nil, broken },
		&follow.Follower{}); !errors.Is(err, broken) {
		t.Error(err)
	}
	if n, err := follow.First(t.Context(), nil, func(context.Context) (int, error) { return 7, broken }); n != 7 || !errors.Is(err, broken) {
		t.Errorf("without followers: %d, %v", n, err)
	}
}
