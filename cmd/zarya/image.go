// This file is zarya image: what is in an image file.

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
)

// rawHelp is --raw of the verbs that take images.
const rawHelp = "take the images as they are: unpack nothing, and refuse nothing for what it looks like"

func newImage(a *app) *cobra.Command {
	var raw bool
	cmd := &cobra.Command{Use: "image", Short: "Look at image files, convert them"}
	var max string
	inspect := &cobra.Command{
		Use:   "inspect FILE…",
		Short: "Show an image's format, sizes, extents and digest",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			limit, err := bytesize.Parse(max)
			if err != nil {
				return problem.New(problem.Usage, "write 256MiB", "--max-download: %w", err)
			}
			return a.inspect(files, limit, raw)
		},
	}
	inspect.Flags().StringVar(&max, "max-download", "", "also say how many pieces a tablet with this max-download-size gets")
	inspect.Flags().BoolVar(&raw, "raw", false, rawHelp)
	cmd.AddCommand(inspect, newImageConvert(a), newImageCache(a))
	return cmd
}

func newImageCache(a *app) *cobra.Command {
	var drop bool
	var keep string
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Show or empty the cache of prepared images",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cache := a.imageCache()
			if cache == nil {
				return problem.New(problem.Station, "name a folder with ZARYA_CACHE", "there is no image cache")
			}
			switch limit, err := bytesize.Parse(keep); {
			case err != nil:
				return problem.New(problem.Usage, "write 10GiB", "--keep: %w", err)
			case drop, cmd.Flags().Changed("keep"):
				gone, err := cache.Trim(limit)
				if err != nil {
					return problem.New(problem.Station, "", "%w", err)
				}
				return a.cacheEntries(cache, gone, "removed")
			}
			entries, err := cache.List()
			if err != nil {
				return problem.New(problem.Station, "", "%w", err)
			}
			return a.cacheEntries(cache, entries, "kept")
		},
	}
	cmd.Flags().BoolVar(&drop, "clear", false, "remove all of it")
	cmd.Flags().StringVar(&keep, "keep", "", "remove what was used longest ago, until it takes at most `SIZE`")
	cmd.MarkFlagsMutuallyExclusive("clear", "keep")
	return cmd
}

// cacheItem is one prepared image; sizes in bytes.
type cacheItem struct {
	Digest string    `json:"digest"` // of the file that it was made from
	Size   int64     `json:"size"`   // expanded
	Disk   int64     `json:"disk"`   // taken
	Used   time.Time `json:"used"`
	State  string    `json:"state"` // kept, removed
}

func (a *app) cacheEntries(cache *image.Cache, entries []image.Entry, state string) error {
	items, disk := []cacheItem{}, int64(0)
	for _, e := range entries {
		disk += e.Disk
		items = append(items, cacheItem{e.Digest, e.Size, e.Disk, e.Used.UTC(), state})
	}
	if a.json {
		return a.document("image-cache", items)
	}
	for _, it := range items {
		fmt.Fprintf(a.stdout, "%s  %s  image %s, on the disk %s\n", it.Used.Local().Format(time.DateTime), it.Digest, bytesize.Text(it.Size), bytesize.Text(it.Disk))
	}
	if !a.quiet {
		fmt.Fprintf(a.stderr, "%s: %d images %s, %s of at most %s\n", cache.Dir(), len(items), state, bytesize.Text(disk), bytesize.Text(cache.Limit()))
	}
	return nil
}

// imageItem is what inspect says about one file; sizes in bytes.
type imageItem struct {
	File     string `json:"file"`
	Format   string `json:"format"`
	Packing  string `json:"packing,omitempty"` // zstd, xz, gzip, lz4, zip, tar, UPDATE.APP, payload.bin
	FileSize int64  `json:"file_size"`
	Size     int64  `json:"size"`
	Digest   string `json:"digest"`
	Extents  int    `json:"extents"`
	Data     int64  `json:"data"`
	Fill     int64  `json:"fill"`
	DontCare int64  `json:"dont_care"`
	Pieces   int    `json:"pieces,omitempty"`
	Wire     int64  `json:"wire,omitempty"`
}

func (a *app) inspect(files []string, limit int64, raw bool) error {
	var uses []recipe.ImageUse
	for _, file := range files {
		uses = append(uses, recipe.ImageUse{File: file, Raw: raw})
	}
	opened, err := a.openImages(uses...)
	if err != nil {
		return err
	}
	defer opened.Close()
	var items []imageItem
	for _, file := range files {
		im := opened.Of(recipe.ImageUse{File: file, Raw: raw})
		it := imageItem{File: file, Format: string(im.Format()), Packing: im.Packing(), FileSize: im.FileSize(), Size: im.Size(), Digest: im.Digest(), Extents: len(im.Extents())}
		for _, e := range im.Extents() {
			switch e.Kind {
			case image.Data:
				it.Data += e.Length
			case image.Fill:
				it.Fill += e.Length
			case image.DontCare:
				it.DontCare += e.Length
			}
		}
		if limit > 0 {
			pieces, err := im.Pieces(limit, image.Sparse)
			if err != nil {
				return problem.New(problem.Invalid, "give a larger --max-download", "%w", err)
			}
			it.Pieces, it.Wire = pieces.Len(), pieces.WireBytes()
		}
		items = append(items, it)
	}
	if a.json {
		return a.document("image", items)
	}
	for _, it := range items {
		fmt.Fprintf(a.stdout, "%s\n  format     %s\n  file       %d bytes\n  expanded   %d bytes\n  digest     %s\n  extents    %d: data %d, fill %d, don't-care %d bytes\n",
			it.File, strings.TrimSuffix(it.Format+" in "+it.Packing, " in "), it.FileSize, it.Size, it.Digest, it.Extents, it.Data, it.Fill, it.DontCare)
		if it.Pieces > 0 {
			fmt.Fprintf(a.stdout, "  sparse     %d pieces, %d bytes on the wire\n", it.Pieces, it.Wire)
		}
	}
	return nil
}
