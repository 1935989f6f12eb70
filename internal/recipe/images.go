// This file opens the images of a run, and has the cache in which they are prepared.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
)

// imageUse is a file for a partition. "" is no partition.
type imageUse struct{ partition, file string }

// imageKey is a file and how it is read.
type imageKey struct {
	file string
	asIs bool
}

// images are open images; one file is one image, however many partitions it is for.
type images map[imageKey]*image.Image

// of is the image of a use.
func (m images) of(u imageUse) *image.Image {
	return m[imageKey{u.file, image.AsIs(u.partition, u.file)}]
}

// close closes files that were only read.
func (m images) close() {
	for _, im := range m {
		if im != nil {
			_ = im.Close()
		}
	}
}

// openImages reads each file once, several at a time.
func (a *app) openImages(uses []imageUse) (images, error) {
	ctx, cancel := a.untilSignal()
	defer cancel()
	cache := a.imageCache()
	var keys []imageKey
	all := images{}
	for _, u := range uses {
		key := imageKey{u.file, image.AsIs(u.partition, u.file)}
		if _, ok := all[key]; !ok {
			all[key], keys = nil, append(keys, key)
		}
	}
	opened := make([]*image.Image, len(keys))
	failed := make([]error, len(keys)) // all that is wrong is said at once
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, key := range keys {
		g.Go(func() error {
			opened[i], failed[i] = image.Open(ctx, key.file, image.Options{Cache: cache, AsIs: key.asIs})
			return nil
		})
	}
	_ = g.Wait()
	for i, key := range keys {
		if opened[i] != nil {
			all[key] = opened[i]
		}
	}
	if err := errors.Join(failed...); err != nil {
		all.close()
		if ctx.Err() != nil {
			err = failed[0] // the same for all
		}
		return nil, problem.New(problem.Invalid, "check the file; nothing was written", "%w", err)
	}
	return all, nil
}

func imageInfos(steps []flash.Step) []flash.ImageInfo {
	var infos []flash.ImageInfo
	for _, s := range steps {
		if w, ok := flash.As[*flash.WriteImage](s); ok {
			infos = append(infos, flash.ImageInfo{Partition: w.Partition, File: w.Image.Path(), Digest: w.Image.Digest(), Size: w.Image.Size()})
		}
	}
	return infos
}

// imageCache is the cache of prepared images, nil if there is none.
func (a *app) imageCache() *image.Cache {
	a.cacheOnce.Do(func() {
		dir, limit, err := cachePlace()
		if err == nil && dir != "" {
			a.cache, err = image.OpenCache(dir, limit)
		}
		if err != nil && !a.quiet {
			fmt.Fprintf(a.stderr, "zarya: no images are kept prepared: %v\n", err)
		}
	})
	return a.cache
}

// cachePlace reads ZARYA_CACHE (a folder, or none) and ZARYA_CACHE_SIZE. By default the
// cache is zarya/images in XDG_CACHE_HOME, and a tenth of the disk, 8 to 64 GiB.
func cachePlace() (dir string, limit int64, err error) {
	if dir = os.Getenv("ZARYA_CACHE"); dir == "none" {
		return "", 0, nil
	}
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return "", 0, err
		}
		dir = filepath.Join(dir, "zarya", "images")
	}
	if limit, err = parseBytes(os.Getenv("ZARYA_CACHE_SIZE")); err != nil {
		return "", 0, fmt.Errorf("ZARYA_CACHE_SIZE: %w", err)
	}
	if limit == 0 {
		var fs unix.Statfs_t
		for at := dir; ; at = filepath.Dir(at) { // it may not be there yet
			if unix.Statfs(at, &fs) == nil || at == filepath.Dir(at) {
				break
			}
		}
		limit = min(max(int64(fs.Blocks)*fs.Bsize/10, 8<<30), 64<<30) //nolint:gosec // the size of a disk
	}
	return dir, limit, nil
}
