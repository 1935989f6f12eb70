// This file knows the packages of vendors by what is in them.

package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/flash/image/payload"
	"github.com/zarya-station/zarya/internal/lazyregexp"
)

const (
	configName  = "flash-config.sh"
	sumsName    = "md5.lst"
	payloadName = "payload.bin"
)

var factoryImages = lazyregexp.New(`^image-.*\.zip$`)

// read tells what an archive is by what is in it.
func (a *archive) read(ctx context.Context) (*Release, error) {
	var configs, payloads, updates, factory, zips []string
	for _, name := range a.names() {
		switch base := path.Base(name); {
		case base == configName:
			configs = append(configs, name)
		case base == payloadName:
			payloads = append(payloads, name)
		case strings.EqualFold(base, "UPDATE.APP"):
			updates = append(updates, name)
		case factoryImages.MatchString(base):
			factory = append(factory, name)
		case strings.EqualFold(path.Ext(base), ".zip"):
			zips = append(zips, name)
		}
	}
	_, script := a.files["META-INF/com/google/android/updater-script"]
	_, binary := a.files["META-INF/com/google/android/update-binary"]
	switch {
	case len(configs) > 1:
		return nil, a.bad("has %d releases in it (%s): unpack it, and import the folder of one",
			len(configs), strings.Join(configs, ", "))
	case len(configs) == 1:
		return a.under(strings.TrimSuffix(configs[0], configName)).script(ctx)
	case len(payloads) == 1:
		return a.payload(payloads[0])
	case len(updates) == 1:
		return a.update(updates[0])
	case len(updates) > 1:
		return nil, a.bad("has %d UPDATE.APP in it (%s): unpack it, and import them together, in the order base, cust, preload",
			len(updates), strings.Join(updates, ", "))
	case len(factory) > 0:
		return nil, a.bad("is a factory image: its partitions are in %s, beside a bootloader and a script, which are not taken. Import %s",
			factory[0], filepath.Join(a.path, filepath.FromSlash(factory[0])))
	case script || binary:
		return nil, a.bad("is an installer for a recovery (TWRP or the vendor's), which runs a program on the tablet: "+
			"that cannot become a bundle. %s", a.inside())
	case len(zips) > 0 && !slices.ContainsFunc(a.names(), func(n string) bool { return imageFile.MatchString(path.Base(n)) }):
		return nil, a.bad("has no images in it, but other archives (%s): import %s",
			strings.Join(zips, ", "), filepath.Join(a.path, filepath.FromSlash(zips[0])))
	}
	return a.images()
}

// inside says what of an installer can be taken out.
func (a *archive) inside() string {
	var images, blocks []string
	for _, name := range a.names() {
		switch {
		case imageFile.MatchString(path.Base(name)):
			images = append(images, name)
		case strings.Contains(path.Base(name), ".new.dat"):
			blocks = append(blocks, name)
		}
	}
	var say []string
	if len(images) > 0 {
		say = append(say, "Take out the images that you need ("+strings.Join(images, ", ")+") and build a bundle of them")
	}
	if len(blocks) > 0 {
		say = append(say, strings.Join(blocks, ", ")+": make images of these with sdat2img (and brotli -d before)")
	}
	if len(say) == 0 {
		return "There are no images in it: take the full firmware of the vendor"
	}
	return strings.Join(say, "; ")
}

// payload takes the partitions of an Android update in a zip.
func (a *archive) payload(name string) (*Release, error) {
	z := a.files[name].zip
	if z == nil {
		return payloadFile(a.files[name].path)
	}
	inner, err := a.placed(z)
	if err != nil {
		return nil, a.bad("%s: %v", name, err)
	}
	im, err := partitions(inner, inner.Size(), a.files[name].path)
	if err != nil {
		return nil, &bundle.Error{Path: a.path, Problem: err.Error(), Err: err}
	}
	for _, other := range a.names() {
		if other != name {
			im.Left = append(im.Left, other+": belongs to the update, not an image")
		}
	}
	if text, err := a.text("META-INF/com/android/metadata"); err == nil {
		for line := range strings.Lines(text) {
			if of, ok := strings.CutPrefix(strings.TrimSpace(line), "pre-device="); ok {
				im.Products = products(strings.FieldsFunc(of, func(r rune) bool { return r == ',' || r == '|' }))
			}
		}
	}
	return im, nil
}

func payloadFile(name string) (*Release, error) {
	f, err := os.Open(name) //nolint:gosec // the file that the user named
	if err != nil {
		return nil, &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	im, err := partitions(f, info.Size(), name)
	if err != nil {
		return nil, &bundle.Error{Path: name, Problem: err.Error(), Err: err}
	}
	return im, nil
}

// partitions lists what a payload makes.
func partitions(f io.ReaderAt, size int64, name string) (*Release, error) {
	p, err := payload.Open(f, size)
	if errors.Is(err, payload.ErrIncremental) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: if it is no whole payload.bin, copy or download it again", err)
	}
	im := &Release{}
	for _, part := range p.Partitions {
		im.Sources = append(im.Sources, bundle.Source{Partition: part.Name, Mode: "fastboot", Path: filepath.Join(name, part.Name)})
	}
	return im, nil
}

// products keeps what can be a name of one.
func products(list []string) (all []string) {
	for _, p := range list {
		if p = strings.TrimSpace(p); product.MatchString(p) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// update takes the records of the UPDATE.APP in a zip.
func (a *archive) update(name string) (*Release, error) {
	f, err := a.files[name].open()
	if err != nil {
		return nil, a.bad("%s: %v", name, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	im, from := &Release{clash: map[string]error{}}, map[string]string{}
	if err := im.records(f, a.files[name].path, from); err != nil {
		return nil, err
	}
	for _, other := range a.names() {
		if other != name {
			im.Left = append(im.Left, other+": belongs to the update, not an image")
		}
	}
	return im, nil
}

// imageFile is the name of an image in a folder of them: its partition, its place if it
// comes in pieces, and what it is packed in.
var imageFile = lazyregexp.New(
	`^([A-Za-z0-9_]+?)(?:\.img_sparsechunk[._-]?([0-9]+)|\.(?:img|simg|raw|bin|sparse|img\.ext4)(?:\.([0-9]{1,3}))?)(?:\.(?:zst|xz|gz|lz4))?$`)

// images takes an archive of images, each named after its partition, in one folder of it.
func (a *archive) images() (*Release, error) {
	folders := map[string]bool{}
	for name := range a.files {
		if imageFile.MatchString(path.Base(name)) {
			folders[strings.TrimSuffix(name, path.Base(name))] = true
		}
	}
	root := ""
	switch {
	case len(folders) == 1:
		for root = range folders {
		}
	case len(folders) > 1 && !folders[""]:
		var all []string
		for f := range folders {
			all = append(all, f)
		}
		slices.Sort(all)
		return nil, a.bad("has images in several folders (%s): unpack it, and import the folder that you mean", strings.Join(all, ", "))
	}
	im := &Release{}
	pieces := map[string][]numbered{}
	var order []string
	for _, name := range a.names() {
		base, under := strings.CutPrefix(name, root)
		m := imageFile.FindStringSubmatch(base)
		switch {
		case !under || m == nil:
			left, err := im.about(a, name)
			if err != nil {
				return nil, err
			}
			im.Left = append(im.Left, name+": "+left)
			continue
		case pieces[m[1]] == nil:
			order = append(order, m[1])
		case m[2]+m[3] == "" || pieces[m[1]][0].number < 0:
			return nil, a.bad("has two images for %s: %s and %s", m[1], pieces[m[1]][0].name, name)
		}
		n := -1
		if m[2]+m[3] != "" {
			n, _ = strconv.Atoi(m[2] + m[3]) // digits
		}
		pieces[m[1]] = append(pieces[m[1]], numbered{n, name})
	}
	for _, partition := range order {
		s, err := a.joined(partition, pieces[partition])
		if err != nil {
			return nil, err
		}
		im.Sources = append(im.Sources, s)
	}
	return im, nil
}

// numbered is a piece of an image; -1 is all of it.
type numbered struct {
	number int
	name   string
}

// joined puts the pieces of an image in their order, of which none may be missing.
func (a *archive) joined(partition string, pieces []numbered) (bundle.Source, error) {
	slices.SortFunc(pieces, func(x, y numbered) int { return x.number - y.number })
	s := bundle.Source{Partition: partition, Mode: "fastboot", Path: a.files[pieces[0].name].path}
	for i, p := range pieces[1:] {
		if p.number != pieces[i].number+1 {
			return s, a.bad("of the pieces of %s, number %d is not there, or there twice: copy or download it", partition, pieces[i].number+1)
		}
		s.More = append(s.More, a.files[p.name].path)
	}
	first := 1 // or 0
	if strings.Contains(pieces[0].name, "sparsechunk.") {
		first = 0
	}
	if pieces[0].number > first {
		return s, a.bad("of the pieces of %s, those before number %d are missing: copy or download them", partition, pieces[0].number)
	}
	return s, nil
}

// about reads what stands beside the images of an Android build.
func (im *Release) about(a *archive, name string) (left string, err error) {
	switch path.Base(name) {
	case "android-info.txt":
		text, err := a.text(name)
		if err != nil {
			return "", err
		}
		var unchecked []string
		for line := range strings.Lines(text) {
			key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "require ")), "=")
			switch {
			case ok && (key == "board" || key == "product"):
				im.Products = append(im.Products, products(strings.Split(value, "|"))...)
			case ok:
				unchecked = append(unchecked, key)
			}
		}
		left = "its boards are the products"
		if len(unchecked) > 0 {
			left += "; what else it requires is not checked (" + strings.Join(unchecked, ", ") + ")"
		}
		return left, nil
	case "fastboot-info.txt":
		return "the order of a factory's flashing; images are written in the order of their names", nil
	}
	return "not named PARTITION.img", nil
}
