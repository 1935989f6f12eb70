// This file opens images: each file once, however many partitions it is for.

package recipe

import (
	"context"
	"errors"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/problem"
)

// ImageUse is a file for a partition. "" is no partition. Raw is for files that are taken
// as they are, whatever they look like.
type ImageUse struct {
	Partition, File string
	Raw             bool
}

// imageKey is a file and how it is read.
type imageKey struct {
	file string
	asIs bool
	raw  bool
}

func (u ImageUse) key() imageKey { return imageKey{u.File, image.AsIs(u.Partition, u.File), u.Raw} }

// Images are open images; one file is one image.
type Images map[imageKey]*image.Image

// Of returns the image of a use, or nil.
func (m Images) Of(u ImageUse) *image.Image { return m[u.key()] }

// Close closes files that were only read.
func (m Images) Close() {
	for _, im := range m {
		if im != nil {
			_ = im.Close()
		}
	}
}

// OpenImages reads each file once, several at a time. All that is wrong is said at once.
func (m *Maker) OpenImages(ctx context.Context, uses []ImageUse) (Images, error) {
	cache := m.Cache()
	var keys []imageKey
	all := Images{}
	for _, u := range uses {
		key := u.key()
		if _, ok := all[key]; !ok {
			all[key], keys = nil, append(keys, key)
		}
	}
	opened := make([]*image.Image, len(keys))
	failed := make([]error, len(keys))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, key := range keys {
		g.Go(func() error {
			opened[i], failed[i] = image.Open(ctx, key.file, image.Options{Cache: cache, AsIs: key.asIs, Raw: key.raw})
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
		all.Close()
		if ctx.Err() != nil {
			err = failed[0] // the same for all
		}
		return nil, problem.New(problem.Invalid, "check the file; nothing was written", "%w", err)
	}
	return all, nil
}

// imageInfos returns the record of the images that steps write.
func imageInfos(steps []flash.Step) []flash.ImageInfo {
	var infos []flash.ImageInfo
	for _, s := range steps {
		if w := s.Image; w != nil {
			infos = append(infos, flash.ImageInfo{Partition: w.Partition, File: w.Image.Path(), Digest: w.Image.Digest(), Size: w.Image.Size()})
		}
	}
	return infos
}
