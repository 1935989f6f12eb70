// Package machine is this machine, as its settings describe it: where its ports, its ledger,
// its keys, its images and bundles are, and the fleet that it is in. Each is opened when it
// is first asked for, and what several need is opened once.
//
// A front end fills in a [Machine] with what was typed and what was set, and asks it for the
// parts that the other packages work with; it gives them back with [Machine.Close]. Nothing
// here writes to a terminal: what is to be said goes to Warn and Say.
package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/registry/named"
	"github.com/zarya-station/zarya/internal/settings"
	"github.com/zarya-station/zarya/internal/target"
	"github.com/zarya-station/zarya/internal/target/ask"
)

// Machine is this machine. Its exported fields are set before its first use.
type Machine struct {
	Settings  settings.Settings
	Ledger    string        // as --ledger names it; "" is the usual place
	LockDir   string        // of the locks of tablets; "" is the usual place
	LockWait  time.Duration // for another process to let a tablet go
	PlainHTTP bool          // with any registry
	AllowTag  bool          // a bundle may be named by a tag

	Secrets *flash.Secrets                   // that no output shows
	Warn    func(format string, args ...any) // tells of what stops nothing
	Say     func(format string, args ...any) // tells how something goes that takes long

	codes pool.Codes // of the jobs under way; see [Machine.Record]

	benchOnce sync.Once
	bench     *target.Bench

	cacheOnce sync.Once
	cache     *image.Cache

	bundlesOnce sync.Once
	bundles     *named.Bundles
}

// Close gives back what was opened for all.
func (m *Machine) Close() {
	m.cache.Close()
	if m.bench != nil {
		m.bench.Close()
	}
}

// Bench is the places of tablets.
func (m *Machine) Bench() *target.Bench {
	m.benchOnce.Do(func() {
		m.bench = target.NewBench(target.Options{Names: filepath.Join(settings.Folder(), "ports"), LockDir: m.LockDir})
	})
	return m.bench
}

// Owner is how other processes see who has a tablet.
func Owner() string {
	return fmt.Sprintf("zarya, process %d since %s", os.Getpid(), time.Now().Format("15:04:05"))
}

// Locks take targets in this process's name.
func (m *Machine) Locks() ask.Locks {
	return ask.Locks{Bench: m.Bench(), Owner: Owner(), Wait: m.LockWait}
}

// ImageCache is the cache of prepared images, nil if there is none.
func (m *Machine) ImageCache() *image.Cache {
	m.cacheOnce.Do(func() {
		dir, limit, err := m.Settings.CachePlace()
		if err == nil && dir != "" {
			m.cache, err = image.OpenCache(dir, limit)
		}
		if err != nil {
			m.Warn("no images are kept prepared: %v", err)
		}
	})
	return m.cache
}

// Key is the key with which this machine's secrets are encrypted.
func (m *Machine) Key() *recipe.Key { return &recipe.Key{File: m.Settings.AgeKey()} }

// Maker makes recipes here.
func (m *Machine) Maker() *recipe.Maker {
	made := &recipe.Maker{Config: settings.Folder(), Trust: recipe.StationTrust, Key: m.Key(), Secrets: m.Secrets,
		Cache: m.ImageCache, Floor: m.newest, Warn: m.Warn, Open: m.Bundles().Use}
	if m.Ledger != settings.NoLedger {
		made.Codes = &m.codes
	}
	return made
}

// Bundles are those that can be named here, also in registries.
func (m *Machine) Bundles() *named.Bundles {
	m.bundlesOnce.Do(func() { m.bundles = &named.Bundles{AllowTag: m.AllowTag, Connect: m.connect, Say: m.Say} })
	return m.bundles
}

// connect makes the client of all registries.
func (m *Machine) connect() (*registry.Client, error) {
	dir, err := m.Settings.BundleStore()
	if err != nil {
		return nil, err
	}
	store, err := registry.OpenStore(dir)
	if err != nil {
		return nil, err
	}
	mirror, _ := m.Settings.Lookup("registry-mirror")
	auth, _ := m.Settings.Lookup("registry-auth")
	return &registry.Client{Store: store, Mirror: mirror, Auth: auth, PlainHTTP: m.PlainHTTP, Say: m.Say}, nil
}
