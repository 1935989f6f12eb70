// This file reads UPDATE.APP files.

package release

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/flash/image/updateapp"
)

// control are records of an UPDATE.APP that are no images.
var control = []string{
	"SHA256RSA", "CRC", "CURVER", "VERLIST", "BASE_VERLIST", "BASE_VER", "PACKAGE_TYPE", "UPDATE_TYPE", "HISIUFS_GPT",
	"ORIGIN", "PTABLE_CUST", "BOARDID", "BOARD_LIST",
}

// apps takes the records of UPDATE.APP files, in their order.
func apps(paths []string) (*Release, error) {
	im, from := &Release{clash: map[string]error{}}, map[string]string{}
	for _, p := range paths {
		f, err := os.Open(p) //nolint:gosec // the file that the user named
		if err != nil {
			return nil, &bundle.Error{Path: p, Problem: "no such file", Err: err}
		}
		err = im.records(f, p, from)
		_ = f.Close() // it was only read
		if err != nil {
			return nil, err
		}
	}
	return im, nil
}

// records takes the records of one UPDATE.APP. Several of one name in one file are the
// pieces of one image, which image.Open joins; in several files they are two images.
func (im *Release) records(f io.Reader, path string, from map[string]string) error {
	r := updateapp.NewReader(f)
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return &bundle.Error{Path: path, Problem: err.Error(), Err: err}
		}
		partition := strings.ToLower(h.Name)
		switch {
		case slices.Contains(control, strings.ToUpper(h.Name)) || h.Size == 0:
			im.Left = append(im.Left, h.Name+": describes the update, not an image")
		case from[partition] == path: // a further piece
		case from[partition] != "":
			what := fmt.Sprintf("%s is in it and in %s: import one of them, or name the other partitions with --only", h.Name, from[partition])
			im.clash[partition] = &bundle.Error{Path: path, Problem: what}
		default:
			from[partition] = path
			im.Sources = append(im.Sources, bundle.Source{Partition: partition, Mode: "fastboot", Path: filepath.Join(path, h.Name)})
		}
	}
}
