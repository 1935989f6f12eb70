// This file makes bundles of what others release: an archive with a flash-config.sh, as
// Sailfish and its kin have it, Huawei's UPDATE.APP, or a folder of images.

package bundle

import (
	"archive/zip"
	"context"
	"crypto/md5" //nolint:gosec // what the releases have; ours is the manifest
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/flash/image/updateapp"
)

// Imported is what a release says.
type Imported struct {
	Name, Version string   // of a release archive, if its name tells
	Products      []string // that it is for
	Sources       []Source // in the order in which they are written
	Left          []string // what is in it and not taken, and why
}

// Import reads releases: one archive or folder with a flash-config.sh, one folder of
// images, or the UPDATE.APP files that make up a firmware together. only names the
// partitions to take (empty: all); refuse says which may not be taken unless named.
// Nothing that is in a release is ever run.
func Import(ctx context.Context, paths, only []string, refuse func(partition string) bool) (*Imported, error) {
	if len(paths) == 0 {
		return nil, errors.New("nothing to import")
	}
	var im *Imported
	var err error
	if r, rerr := openRelease(paths[0]); rerr == nil {
		defer r.close()
		switch _, config := r.files[configName]; {
		case len(paths) > 1:
			err = &Error{Path: paths[1], Problem: "only UPDATE.APP files are imported together"}
		case config:
			im, err = r.script(ctx)
		default:
			im, err = r.images()
		}
	} else if im, err = apps(paths); errors.Is(err, errNoApp) {
		return nil, rerr
	}
	if err != nil {
		return nil, err
	}
	var sources []Source
	taken := map[string]bool{}
	for _, s := range im.Sources {
		name := s.Partition
		switch {
		case len(only) > 0 && !slices.Contains(only, name):
			im.Left = append(im.Left, name+": not asked for")
		case len(only) == 0 && refuse != nil && refuse(name):
			im.Left = append(im.Left, name+": a bootloader or identity partition; name it if you mean it")
		default:
			sources = append(sources, s)
			taken[name] = true
		}
	}
	for _, name := range only {
		if !taken[name] {
			return nil, &Error{Path: paths[0], Problem: fmt.Sprintf("there is nothing for %s in it", name)}
		}
	}
	if im.Sources = sources; len(sources) == 0 {
		return nil, &Error{Path: paths[0], Problem: "there are no images in it"}
	}
	return im, nil
}

const (
	configName = "flash-config.sh"
	sumsName   = "md5.lst"
	maxText    = 1 << 20 // of a configuration or a list of sums
)

// release is a zip or a folder; files are its names, without a folder that all are in.
type release struct {
	path  string
	files map[string]func() (io.ReadCloser, error)
	real  map[string]string // the path by which image.Open finds a file
	close func()
}

func openRelease(name string) (*release, error) {
	r := &release{path: name, files: map[string]func() (io.ReadCloser, error){}, real: map[string]string{}, close: func() {}}
	info, err := os.Stat(name)
	if err != nil {
		return nil, &Error{Path: name, Problem: "no such file or folder", Err: err}
	}
	if info.IsDir() {
		return r, filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			rel, err := filepath.Rel(name, p)
			r.files[filepath.ToSlash(rel)] = func() (io.ReadCloser, error) { return os.Open(p) } //nolint:gosec // the folder that the user named
			r.real[filepath.ToSlash(rel)] = p
			return err
		})
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, &Error{Path: name, Problem: "is neither a folder, nor a zip, nor an UPDATE.APP", Err: err}
	}
	r.close = func() { _ = z.Close() }
	root := ""
	for _, f := range z.File {
		if path.Base(f.Name) == configName {
			root = strings.TrimSuffix(f.Name, configName)
		}
	}
	for _, f := range z.File {
		rel, under := strings.CutPrefix(f.Name, root)
		if f.FileInfo().IsDir() || !under {
			continue
		}
		if r.files[rel] != nil {
			r.close()
			return nil, &Error{Path: name, Problem: fmt.Sprintf("has two members %q: not to be trusted", f.Name)}
		}
		r.files[rel], r.real[rel] = f.Open, filepath.Join(name, filepath.FromSlash(f.Name))
	}
	return r, nil
}

func (r *release) text(name string) (string, error) {
	open := r.files[name]
	if open == nil {
		return "", &Error{Path: r.path, Problem: "has no " + name}
	}
	f, err := open()
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxText+1))
	if err == nil && len(b) > maxText {
		err = &Error{Path: r.path, Problem: fmt.Sprintf("%s has more than %d bytes", name, maxText)}
	}
	return strings.TrimPrefix(string(b), "\ufeff"), err // Windows editors put a byte order mark
}

// The name of a release: NAME-VERSION-DEVICE-HWVERSION.zip.
var releaseName = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9._-]*?)-([0-9]+(?:\.[0-9]+)+)(?:-|\.zip$|$)`)

// script does, as data, what the release's flash.sh does with its configuration.
func (r *release) script(ctx context.Context) (*Imported, error) {
	text, err := r.text(configName)
	if err != nil {
		return nil, err
	}
	config, err := ParseConfig(text)
	if err != nil {
		return nil, &Error{Path: r.path, Problem: err.Error(), Err: err}
	}
	bad := func(format string, args ...any) error {
		return &Error{Path: r.path, Problem: configName + ": " + fmt.Sprintf(format, args...)}
	}
	im := &Imported{Products: config["VALID_PRODUCTS"]}
	if len(im.Products) == 0 {
		return nil, bad("no VALID_PRODUCTS: it does not say which tablets it is for")
	}
	for _, p := range im.Products {
		if !names.MatchString(p) {
			return nil, bad("%q is a pattern of products: name them in full", p)
		}
	}
	if m := releaseName.FindStringSubmatch(filepath.Base(r.path)); m != nil {
		im.Name, im.Version = strings.ToLower(m[1]), m[2]
	}
	sums, err := r.sums()
	if err != nil {
		return nil, err
	}
	mode := "fastboot"
	for _, op := range config["FLASH_OPS"] {
		words := strings.Fields(op)
		if len(words) == 0 {
			continue
		}
		switch what := strings.Join(words, " "); {
		case what == "getvar_fail_if secure yes", what == "getvar_fail_if unlocked no":
			// A bundle is never written to a locked tablet.
		case (words[0] == "flash" || words[0] == "flash_dont_fail") && len(words) == 3:
			if err := r.add(ctx, im, words[1], words[2], mode, sums); err != nil {
				return nil, err
			}
		case words[0] == "flash_blob" && len(words) == 3:
			file, err := r.one(words[2])
			if err == nil {
				err = r.add(ctx, im, words[1], file, mode, nil) // it comes from elsewhere, and has no sum
			}
			if err != nil {
				return nil, err
			}
		case what == "run fastboot reboot fastboot", what == "run fastboot reboot-fastboot":
			mode = "fastbootd"
		case what == "run fastboot reboot bootloader", what == "run fastboot reboot-bootloader":
			mode = "fastboot"
		case words[0] == "run" && len(words) > 1 && words[1] == "sleep":
			// Zarya waits for what it needs.
		default:
			return nil, bad("%q cannot be part of a bundle: build it with zarya bundle build", op)
		}
	}
	return im, nil
}

// add takes an image; the same one for both slots is one for all.
func (r *release) add(ctx context.Context, im *Imported, partition, file, mode string, sums map[string]string) error {
	if r.files[file] == nil {
		return &Error{Path: r.path, Problem: fmt.Sprintf("has no %s, which %s writes to %s", file, configName, partition)}
	}
	if sums != nil {
		if err := r.sum(ctx, file, sums); err != nil {
			return err
		}
	}
	s := Source{Partition: partition, Mode: mode, Path: r.real[file]}
	if stem, ok := strings.CutSuffix(partition, "_a"); ok {
		s.Partition, s.Slot = stem, "a"
	} else if stem, ok := strings.CutSuffix(partition, "_b"); ok {
		s.Partition, s.Slot = stem, "b"
	}
	for i := range im.Sources {
		if o := &im.Sources[i]; o.Partition == s.Partition && o.Path == s.Path && o.Mode == s.Mode && o.Slot != "" && s.Slot != "" && o.Slot != s.Slot {
			o.Slot = "all"
			return nil
		}
	}
	im.Sources = append(im.Sources, s)
	return nil
}

// one finds the only file that a pattern means.
func (r *release) one(pattern string) (string, error) {
	var found []string
	for f := range r.files {
		if ok, err := path.Match(pattern, f); err != nil {
			return "", &Error{Path: r.path, Problem: fmt.Sprintf("%q is no pattern of files", pattern)}
		} else if ok {
			found = append(found, f)
		}
	}
	slices.Sort(found)
	if len(found) != 1 {
		return "", &Error{Path: r.path, Problem: fmt.Sprintf("exactly one file must match %s, %d do (%s): it often has to be downloaded from the vendor", pattern, len(found), strings.Join(found, ", "))}
	}
	return found[0], nil
}

// sums reads md5.lst.
func (r *release) sums() (map[string]string, error) {
	text, err := r.text(sumsName)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for i, line := range strings.Split(text, "\n") {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if sum == "" {
			continue
		}
		name = strings.TrimPrefix(strings.TrimSpace(name), "*")
		if !ok || len(sum) != 2*md5.Size || name == "" {
			return nil, &Error{Path: r.path, Problem: fmt.Sprintf("%s:%d: a line is a sum and a name", sumsName, i+1)}
		}
		sums[path.Clean(name)] = strings.ToLower(sum)
	}
	return sums, nil
}

// sum holds a file to md5.lst.
func (r *release) sum(ctx context.Context, file string, sums map[string]string) error {
	want := sums[file]
	if want == "" {
		return &Error{Path: r.path, Problem: fmt.Sprintf("%s has no sum for %s", sumsName, file)}
	}
	f, err := r.files[file]()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	h := md5.New() //nolint:gosec // see above
	if _, err := io.Copy(&interruptible{ctx, h}, f); err != nil {
		return &Error{Path: r.path, Problem: fmt.Sprintf("%s: %v", file, err), Err: err}
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); got != want {
		return &Error{Path: r.path, Problem: fmt.Sprintf("%s has the MD5 sum %s, %s says %s: download the release again", file, got, sumsName, want)}
	}
	return nil
}

// imageFile is the name of an image in a folder of them: its partition and what it is
// packed in.
var imageFile = regexp.MustCompile(`^([A-Za-z0-9_]+)\.(?:img|simg|raw|bin|sparse|img\.ext4)(?:\.(?:zst|xz|gz|lz4))?$`)

// images takes a folder of images, each named after its partition.
func (r *release) images() (*Imported, error) {
	im := &Imported{}
	var all []string
	for f := range r.files {
		all = append(all, f)
	}
	slices.Sort(all)
	from := map[string]string{}
	for _, f := range all {
		m := imageFile.FindStringSubmatch(f)
		switch {
		case m == nil:
			im.Left = append(im.Left, f+": not named PARTITION.img")
		case from[m[1]] != "":
			return nil, &Error{Path: r.path, Problem: fmt.Sprintf("has two images for %s: %s and %s", m[1], from[m[1]], f)}
		default:
			from[m[1]] = f
			im.Sources = append(im.Sources, Source{Partition: m[1], Mode: "fastboot", Path: r.real[f]})
		}
	}
	return im, nil
}

var errNoApp = errors.New("not an UPDATE.APP")

// control are records of an UPDATE.APP that are no images.
var control = []string{"SHA256RSA", "CRC", "CURVER", "VERLIST", "BASE_VERLIST", "BASE_VER", "PACKAGE_TYPE", "UPDATE_TYPE", "HISIUFS_GPT", "ORIGIN", "PTABLE_CUST", "BOARDID", "BOARD_LIST"}

// apps takes the records of UPDATE.APP files, in their order.
func apps(paths []string) (*Imported, error) {
	im := &Imported{}
	from := map[string]string{}
	for _, p := range paths {
		err := func() error {
			f, err := os.Open(p) //nolint:gosec // the file that the user named
			if err != nil {
				return &Error{Path: p, Problem: "no such file", Err: err}
			}
			defer func() { _ = f.Close() }()
			r := updateapp.NewReader(f)
			for n := 0; ; n++ {
				h, err := r.Next()
				switch {
				case errors.Is(err, io.EOF) && n > 0:
					return nil
				case err != nil && n == 0:
					return errNoApp
				case err != nil:
					return &Error{Path: p, Problem: err.Error(), Err: err}
				}
				partition := strings.ToLower(h.Name)
				switch {
				case slices.Contains(control, strings.ToUpper(h.Name)) || h.Size == 0:
					im.Left = append(im.Left, h.Name+": says something of the update, no image")
				case from[partition] != "":
					return &Error{Path: p, Problem: fmt.Sprintf("%s is in it and in %s: import one of them, or name the partitions to take", h.Name, from[partition])}
				default:
					from[partition] = p
					im.Sources = append(im.Sources, Source{Partition: partition, Mode: "fastboot", Path: filepath.Join(p, h.Name)})
				}
			}
		}()
		if err != nil {
			return nil, err
		}
	}
	return im, nil
}

// ParseConfig reads the assignments of a flash-config.sh: NAME=(words), NAME="text",
// comments, and nothing else. What a shell would expand or run is refused.
func ParseConfig(text string) (map[string][]string, error) {
	config := map[string][]string{}
	line := 1
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s:%d: %s", configName, line, fmt.Sprintf(format, args...))
	}
	next := func(n int) string {
		s := text[:n]
		line += strings.Count(s, "\n")
		text = text[n:]
		return s
	}
	blanks := func() {
		for text != "" {
			switch {
			case strings.ContainsRune(" \t\r\n", rune(text[0])):
				next(1)
			case text[0] == '#':
				next(strings.IndexByte(text+"\n", '\n'))
			default:
				return
			}
		}
	}
	// word reads one quoted or bare word.
	word := func() (string, error) {
		if quote := text[0]; quote == '"' || quote == '\'' {
			next(1)
			var w strings.Builder
			for text != "" && text[0] != quote {
				c := next(1)
				switch {
				case quote == '"' && c == "\\" && text != "":
					c = next(1)
				case quote == '"' && (c == "$" || c == "`"):
					return "", bad("what a shell would put in for %q is not known", c)
				}
				w.WriteString(c)
			}
			if text == "" {
				return "", bad("a string that does not end")
			}
			next(1)
			return w.String(), nil
		}
		n := strings.IndexAny(text+" ", " \t\r\n()\"'")
		w := next(n)
		if w == "" || strings.ContainsAny(w, "$`;&|<>\\") {
			return "", bad("%q is not plain text", w)
		}
		return w, nil
	}
	for blanks(); text != ""; blanks() {
		name, _, ok := strings.Cut(text, "=")
		if !ok || !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			first, _, _ := strings.Cut(text, "\n")
			return nil, bad("%.60q is a command; only NAME=(…) and NAME=\"…\" are read", first)
		}
		if _, twice := config[name]; twice {
			return nil, bad("%s is set twice", name)
		}
		next(len(name) + 1)
		config[name] = []string{}
		switch {
		case text == "" || strings.ContainsRune(" \t\r\n", rune(text[0])):
		case text[0] == '(':
			next(1)
			for blanks(); ; blanks() {
				if text == "" {
					return nil, bad("%s=( does not end", name)
				}
				if text[0] == ')' {
					next(1)
					break
				}
				w, err := word()
				if err != nil {
					return nil, err
				}
				config[name] = append(config[name], w)
			}
		default:
			w, err := word()
			if err != nil {
				return nil, err
			}
			config[name] = append(config[name], w)
		}
		if text != "" && !strings.ContainsRune(" \t\r\n#", rune(text[0])) {
			return nil, bad("something follows the value of %s", name)
		}
	}
	return config, nil
}
