// This file is what this machine is set to: folders, the cache, and what recipes are
// made with.

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
)

// configFolder is the user's folder of configuration; "" if there is no home.
func configFolder() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "zarya")
}

// stationKey is the key that the setting age-key names, or age.key in the folder of
// configuration.
func (a *app) stationKey() *recipe.Key {
	file, _ := a.config.lookup("age-key")
	return &recipe.Key{File: cmp.Or(file, filepath.Join(configFolder(), "age.key"))}
}

// maker makes recipes with this machine's settings.
func (a *app) maker() *recipe.Maker {
	m := &recipe.Maker{Config: configFolder(), Trust: recipe.StationTrust, Key: a.stationKey(), Secrets: a.secrets,
		Cache: a.imageCache, Floor: a.bundleFloor, Warn: a.warn}
	if a.ledger != "none" {
		m.Codes = &a.codes
	}
	return m
}

// bundleFloor is the newest version of a bundle with which a tablet passed here.
func (a *app) bundleFloor(ctx context.Context, name string) (floor string, err error) {
	path, err := a.ledgerPath()
	if err != nil || path == "" {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	l, err := ledger.OpenReader(ctx, path)
	if err != nil {
		return "", ledgerTrouble(path, err)
	}
	defer func() { _ = l.Close() }()
	versions, err := l.Bundles(ctx, name)
	if err != nil {
		return "", ledgerTrouble(path, err)
	}
	for _, v := range versions {
		if floor == "" || bundle.Older(floor, v) {
			floor = v
		}
	}
	return floor, nil
}

// openImages opens images until the first signal.
func (a *app) openImages(uses ...recipe.ImageUse) (recipe.Images, error) {
	ctx, cancel := a.untilSignal()
	defer cancel()
	return a.maker().OpenImages(ctx, uses)
}

// openBundle opens a bundle to look at it.
func openBundle(path string) (*bundle.Bundle, error) {
	b, err := bundle.Open(path)
	if err != nil {
		return nil, problem.New(problem.Invalid, "", "%w", err)
	}
	return b, nil
}

// imageCache is the cache of prepared images, nil if there is none.
func (a *app) imageCache() *image.Cache {
	a.cacheOnce.Do(func() {
		dir, limit, err := a.cachePlace()
		if err == nil && dir != "" {
			a.cache, err = image.OpenCache(dir, limit)
		}
		if err != nil && !a.quiet {
			fmt.Fprintf(a.stderr, "zarya: no images are kept prepared: %v\n", err)
		}
	})
	return a.cache
}

// cachePlace reads the settings cache (a folder, or none) and cache-size. By default the
// cache is zarya/images in XDG_CACHE_HOME, and a tenth of the disk, 8 to 64 GiB.
func (a *app) cachePlace() (dir string, limit int64, err error) {
	if dir, _ = a.config.lookup("cache"); dir == "none" {
		return "", 0, nil
	}
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return "", 0, err
		}
		dir = filepath.Join(dir, "zarya", "images")
	}
	size, source := a.config.lookup("cache-size")
	if limit, err = bytesize.Parse(size); err != nil {
		return "", 0, fmt.Errorf("%s: %w", source, err)
	}
	if limit == 0 {
		size, err := disk.Size(dir)
		for at := dir; err != nil && at != filepath.Dir(at); { // it may not be there yet
			at = filepath.Dir(at)
			size, err = disk.Size(at)
		}
		limit = min(max(size/10, 8<<30), 64<<30)
	}
	return dir, limit, nil
}
