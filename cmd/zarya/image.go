// This file is zarya image: what is in an image file.

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash/image"
)

func newImage(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Look at image files"}
	var max string
	inspect := &cobra.Command{
		Use:     "inspect FILE…",
		Short:   "Show an image's format, sizes, extents and digest",
		Example: "  zarya image inspect system.img\n  zarya image inspect --max-download 256MiB system.simg --json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			limit, err := parseBytes(max)
			if err != nil {
				return fail(exitUsage, "write 256MiB", "--max-download: %w", err)
			}
			return a.inspect(files, limit)
		},
	}
	inspect.Flags().StringVar(&max, "max-download", "", "also say how many pieces a tablet with this max-download-size gets")
	cmd.AddCommand(inspect)
	return cmd
}

// imageItem is what inspect says about one file; sizes in bytes.
type imageItem struct {
	File     string `json:"file"`
	Format   string `json:"format"`
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

func (a *app) inspect(files []string, limit int64) error {
	images, err := a.openImages(files)
	if err != nil {
		return err
	}
	defer closeImages(images)
	var items []imageItem
	for _, file := range files {
		im := images[file]
		it := imageItem{File: file, Format: string(im.Format()), FileSize: im.FileSize(), Size: im.Size(), Digest: im.Digest(), Extents: len(im.Extents())}
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
				return fail(exitInvalid, "give a larger --max-download", "%w", err)
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
			it.File, it.Format, it.FileSize, it.Size, it.Digest, it.Extents, it.Data, it.Fill, it.DontCare)
		if it.Pieces > 0 {
			fmt.Fprintf(a.stdout, "  sparse     %d pieces, %d bytes on the wire\n", it.Pieces, it.Wire)
		}
	}
	return nil
}
