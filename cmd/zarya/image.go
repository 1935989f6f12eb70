// This file is zarya image: what is in an image file.

package main

import (
	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/show"
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
			cache := a.ImageCache()
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
				return a.showCache(cache, gone, "removed")
			}
			entries, err := cache.List()
			if err != nil {
				return problem.New(problem.Station, "", "%w", err)
			}
			return a.showCache(cache, entries, "kept")
		},
	}
	cmd.Flags().BoolVar(&drop, "clear", false, "remove all of it")
	cmd.Flags().StringVar(&keep, "keep", "", "remove what was used longest ago, until it takes at most `SIZE`")
	cmd.MarkFlagsMutuallyExclusive("clear", "keep")
	return cmd
}

// showCache prints entries of the cache.
func (a *app) showCache(cache *image.Cache, entries []image.Entry, state string) error {
	items, disk := show.OfCache(entries, state)
	if err := console.Items(a.Console, "image-cache", items); err != nil || a.JSON {
		return err
	}
	text := map[string]string{"kept": "%s: %d images kept, %s of at most %s", "removed": "%s: %d images removed, %s of at most %s"}[state]
	a.Notef(text, cache.Dir(), len(items), bytesize.Text(disk), bytesize.Text(cache.Limit()))
	return nil
}

// inspect prints what is in image files.
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
	var items []show.Image
	for _, use := range uses {
		it, err := show.OfImage(use.File, opened.Of(use), limit)
		if err != nil {
			return err
		}
		items = append(items, it)
	}
	return console.Items(a.Console, "image", items)
}
