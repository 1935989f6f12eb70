// This file builds the set.

package imageset

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

// Options of a set; the zero value is a good one.
type Options struct {
	Size    int64  // of system.img, whole MiB; 0 is 256 MiB
	From    string // the folder whose files go into system.img; "" is Go's own sources, or /usr/share
	Version string // VERSION_ID of the system; "" is 5.1.0.100
}

// Set names the images of a set.
type Set struct {
	Dir                                                string
	System, SystemSparse, Boot, VBMeta, UserdataSparse string
	Profile                                            string // a profile that makes virtual tablets ready with the set
}

const (
	mib   = 1 << 20
	block = 4096
	// Fixed, for the same bytes every time.
	uuid  = "5a617279-6100-4000-8000-000000000001"
	epoch = "1735689600"
)

// CheckSize says whether a system image can have this size.
func CheckSize(size int64) error {
	if size < 8*mib || size%mib != 0 {
		return fmt.Errorf("a system image is 8 MiB or larger, in whole MiB: not %d bytes", size)
	}
	return nil
}

// Build makes the set in dir, replacing a set that is there but nothing else.
func Build(ctx context.Context, dir string, opt Options) (*Set, error) {
	if opt.Size == 0 {
		opt.Size = 256 * mib
	}
	if err := CheckSize(opt.Size); err != nil {
		return nil, err
	}
	if opt.Version == "" {
		opt.Version = "5.1.0.100"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	set := in(dir)
	if err := replaceable(set); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // images are no secret
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), ".imageset-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	made := in(filepath.Join(tmp, "set"))
	var digests device.VBMetaDigests                  // of userdata
	if err := os.Mkdir(made.Dir, 0o755); err != nil { //nolint:gosec // as above
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return system(ctx, made.System, filepath.Join(tmp, "root"), opt) },
		func() error { return run(ctx, "img2simg", made.System, made.SystemSparse) },
		func() error { return junk(made.Boot, "ANDROID!", 8*mib, 1) },
		func() error { return userdata(made.UserdataSparse, &digests) },
		func() error { return vbmeta(made, opt, digests) },
		func() error { return profile(made, opt) },
	} {
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
	old := filepath.Join(tmp, "old")
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := os.Rename(made.Dir, dir); err != nil {
		return nil, errors.Join(err, os.Rename(old, dir))
	}
	return set, nil
}

func in(dir string) *Set {
	at := func(name string) string { return filepath.Join(dir, name) }
	return &Set{dir, at("system.img"), at("system.simg"), at("boot.img"), at("vbmeta.img"), at("userdata.simg"), at("profile.yaml")}
}

// Files are the paths of all files.
func (s *Set) Files() []string {
	return []string{s.System, s.SystemSparse, s.Boot, s.VBMeta, s.UserdataSparse, s.Profile}
}

// replaceable refuses a folder that holds anything but a set.
func replaceable(s *Set) error {
	entries, err := os.ReadDir(s.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if !strings.Contains(strings.Join(s.Files(), "\n")+"\n", "/"+e.Name()+"\n") {
			return fmt.Errorf("%s holds %s, which is no part of an image set: name a new or empty folder", s.Dir, e.Name())
		}
	}
	return err
}

// packages are the Debian packages of the tools.
var packages = map[string]string{"mkfs.ext4": "e2fsprogs", "debugfs": "e2fsprogs", "img2simg": "android-sdk-libsparse-utils"}

// run starts a tool with all times and seeds fixed.
func run(ctx context.Context, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil { // an unprivileged PATH often lacks sbin
		var there error
		if path, there = exec.LookPath("/usr/sbin/" + name); there != nil {
			return fmt.Errorf("%s of the package %s: %w", name, packages[name], errors.Unwrap(err))
		}
	}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // tools of the table above
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SOURCE_DATE_EPOCH="+epoch, "E2FSPROGS_FAKE_TIME="+epoch)
	if out, err := cmd.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// system makes the ext4 image of a root that is staged first. At most half of it
// is filled, so that it has holes.
func system(ctx context.Context, path, root string, opt Options) error {
	// In one order: mkfs.ext4 numbers files as it finds them.
	for _, f := range [][2]string{
		{"etc/os-release", "ID=auroraos\nNAME=\"Aurora OS\"\nVERSION_ID=" + opt.Version + "\n" +
			"PRETTY_NAME=\"Aurora OS " + opt.Version + " (virtual)\"\n"},
		{"etc/hw-release", "ID=virtual\nNAME=\"Zarya virtual tablet\"\nVERSION_ID=" + opt.Version + "\n"},
		{"etc/hostname", "AuroraOS\n"},
		// Folders that a first boot or a provisioning step writes into.
		{"etc/ssh/sshd_config", "PasswordAuthentication yes\n"},
		{"home/defaultuser/.profile", ""},
		{"var/lib/timed/timed-cache.settings", ""},
		{"tmp/.keep", ""},
	} {
		name, text := f[0], f[1]
		to := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // a system's own files
			return err
		}
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	if err := zones(root); err != nil {
		return err
	}
	budget := min(opt.Size/2, opt.Size-7*mib) // the journal alone takes 4 MiB, and the time zones one
	for i, from := range sources(opt.From) {
		if err := stage(ctx, from, filepath.Join(root, "usr", "share", "set", strconv.Itoa(i)), &budget); err != nil {
			return err
		}
	}
	if err := settle(root); err != nil {
		return err
	}
	if err := run(ctx, "mkfs.ext4", "-q", "-F", "-b", strconv.Itoa(block), "-L", "system", "-U", uuid,
		"-E", "hash_seed="+uuid+",root_owner=0:0,lazy_itable_init=0,nodiscard", "-d", root, path,
		strconv.FormatInt(opt.Size/block, 10)); err != nil {
		return err
	}
	return settleChanges(ctx, path, root)
}

// settleChanges gives every inode one time of change. mkfs.ext4 copies that of the
// staged file, which no one can set.
func settleChanges(ctx context.Context, path, root string) error {
	var script strings.Builder
	err := filepath.WalkDir(root, func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if strings.ContainsAny(rel, "\"\n") {
			return fmt.Errorf("%q: debugfs cannot take such a name", rel)
		}
		fmt.Fprintf(&script, "set_inode_field \"/%s\" ctime @%s\n", strings.TrimPrefix(rel, "."), epoch)
		return err
	})
	if err != nil {
		return err
	}
	commands := root + ".debugfs"
	if err := os.WriteFile(commands, []byte(script.String()), 0o600); err != nil {
		return err
	}
	return run(ctx, "debugfs", "-w", "-f", commands, path)
}

// systemZones is where Debian's tzdata and others have the tz database.
const systemZones = "/usr/share/zoneinfo"

// zones stages the time zones of Europe and Asia: those of Go's own copy of the tz database,
// or this machine's. The profile that is written beside the images sets one.
func zones(root string) error {
	out, err := exec.Command("go", "env", "GOROOT").Output() //nolint:noctx // answers at once
	var z *zip.ReadCloser
	if err == nil {
		z, err = zip.OpenReader(filepath.Join(strings.TrimSpace(string(out)), "lib", "time", "zoneinfo.zip"))
	}
	if err != nil {
		return machineZones(root, systemZones)
	}
	defer func() { _ = z.Close() }()
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, "Europe/") && !strings.HasPrefix(f.Name, "Asia/") || strings.HasSuffix(f.Name, "/") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(r, mib))
		to := filepath.Join(root, "usr", "share", "zoneinfo", filepath.FromSlash(f.Name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(to), 0o755) //nolint:gosec // a system's own files
		}
		if err == nil {
			err = os.WriteFile(to, text, 0o644) //nolint:gosec // as above
		}
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// machineZones stages the time zones in a folder of this machine.
func machineZones(root, from string) error {
	for _, part := range []string{"Europe", "Asia"} {
		err := os.CopyFS(filepath.Join(root, "usr", "share", "zoneinfo", part), os.DirFS(filepath.Join(from, part)))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("there are no time zones in %s for the images: install tzdata", from)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sources are the folders to take files from.
func sources(from string) []string {
	if from != "" {
		return []string{from}
	}
	if out, err := exec.Command("go", "env", "GOROOT").Output(); err == nil { //nolint:noctx // answers at once
		src := filepath.Join(strings.TrimSpace(string(out)), "src")
		found := []string{filepath.Join(src, "net"), filepath.Join(src, "crypto"), filepath.Join(src, "cmd")}
		if _, err := os.Stat(found[0]); err == nil {
			return found
		}
	}
	return []string{"/usr/share"}
}

// stage copies files in the order of their names until the budget is used up.
// What cannot be read is left out, as long as anything can.
func stage(ctx context.Context, from, to string, budget *int64) error {
	if _, err := os.ReadDir(from); err != nil {
		return fmt.Errorf("files for system.img: %w", err)
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // left out
		}
		info, err := d.Info()
		cost := int64(0)
		if err == nil {
			cost = (info.Size()+block-1)/block*block + 512 // and its inode
		}
		switch {
		case err != nil, cost > *budget/4: // one file must not be all of it
			return nil //nolint:nilerr // left out
		case *budget < 64<<10:
			return fs.SkipAll
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if copied, err := duplicate(path, filepath.Join(to, rel)); err != nil || !copied {
			return err
		}
		*budget -= cost
		return nil
	})
}

// duplicate copies a file, unless it cannot be opened.
func duplicate(from, to string) (bool, error) {
	r, err := os.Open(from) //nolint:gosec // the caller's own files
	if err != nil {
		return false, nil
	}
	defer func() { _ = r.Close() }()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // a system's own files
		return false, err
	}
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // as above
	if err != nil {
		return false, err
	}
	_, err = io.Copy(w, r)
	return true, errors.Join(err, w.Close())
}

// settle gives everything one time.
func settle(root string) error {
	seconds, _ := strconv.ParseInt(epoch, 10, 64)
	at := time.Unix(seconds, 0)
	var all []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	for i := len(all) - 1; i >= 0 && err == nil; i-- {
		err = os.Chtimes(all[i], at, at)
	}
	return err
}

// junk writes a file of seeded bytes behind a magic.
func junk(path, magic string, size int, seed uint64) error {
	b := noise(size, seed)
	copy(b, magic)
	return os.WriteFile(path, b, 0o644) //nolint:gosec // images are no secret
}

func noise(size int, seed uint64) []byte {
	b := make([]byte, size)
	var key [32]byte
	key[0] = byte(seed)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// userdata writes 64 MiB of every kind of chunk, and gives the digest of what is
// written: all but what is don't-care.
func userdata(path string, d *device.VBMetaDigests) error {
	f, err := os.Create(path) //nolint:gosec // our own folder
	if err != nil {
		return err
	}
	sum := sha256.New()
	fill := func(word uint32, n int) {
		_, _ = sum.Write(bytes.Repeat(binary.LittleEndian.AppendUint32(nil, word), n/4)) // a hash never fails
	}
	raw := func(b []byte) []byte {
		_, _ = sum.Write(b) // as above
		return b
	}
	w := NewWriter(f, block)
	w.Raw(raw(noise(mib, 3)))
	w.Fill(0, mib/block)
	fill(0, mib)
	w.CRC32()
	w.DontCare(30 * mib / block)
	w.Raw(raw(noise(3*mib, 4)))
	w.Fill(0xdeadbeef, 7*mib/block)
	fill(0xdeadbeef, 7*mib)
	w.DontCare(21 * mib / block)
	w.Raw(raw(noise(mib, 5)))
	w.CRC32()
	*d = device.VBMetaDigests{Name: "userdata", SHA256: hex.EncodeToString(sum.Sum(nil)),
		Ranges: [][2]int64{{0, 2 * mib}, {32 * mib, 10 * mib}, {63 * mib, mib}}}
	return errors.Join(w.Close(), f.Close())
}

// vbmeta names the digests of the other images, for the tablet to start only what
// was written whole.
func vbmeta(made *Set, opt Options, userdata device.VBMetaDigests) error {
	v := device.VBMeta{Version: opt.Version}
	for _, im := range []struct{ name, path string }{{"system", made.System}, {"boot", made.Boot}} {
		f, err := os.Open(im.path)
		if err != nil {
			return err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		v.Partitions = append(v.Partitions, device.VBMetaDigests{Name: im.name, Ranges: [][2]int64{{0, n}},
			SHA256: hex.EncodeToString(sum.Sum(nil))})
	}
	v.Partitions = append(v.Partitions, userdata)
	b, err := v.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(made.VBMeta, b, 0o644) //nolint:gosec // images are no secret
}
