// Files over SFTP, with the rights of the login and of root.

package system_test

import (
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

// TestFiles uses SFTP with the rights of the login and of root.
func TestFiles(t *testing.T) {
	tab := newTablet(t, "")
	b := tab.boot()
	user, root := b.files(t, false), b.files(t, true)
	put(t, user, "note", []byte("text"))
	put(t, root, "/etc/secret", []byte("key"))
	exclusive := func(f *sftp.Client, name string) error {
		w, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err == nil {
			err = w.Close()
		}
		return err
	}
	open := func(f *sftp.Client, name string, flags int) error {
		w, err := f.OpenFile(name, flags)
		if err == nil {
			err = w.Close()
		}
		return err
	}
	ok, failed := errors.New("no error"), errors.New("any error") // SFTP 3 has few words
	for _, test := range []struct {
		name string
		got  error
		want error
	}{
		{"root hides a file", root.Chmod("/etc/secret", 0o600), ok},
		{"the login reads it", open(user, "/etc/secret", os.O_RDONLY), os.ErrPermission},
		{"root reads it", open(root, "/etc/secret", os.O_RDONLY), ok},
		{"the login writes outside its home", open(user, "/etc/note", os.O_WRONLY|os.O_CREATE), os.ErrPermission},
		{"the login removes outside its home", user.Remove("/etc/secret"), os.ErrPermission},
		{"the login renames outside its home", user.PosixRename("note", "/etc/note"), os.ErrPermission},
		{"a new file that is there", exclusive(user, "note"), failed},
		{"a new file that is not", exclusive(user, "new"), ok},
		{"a file that is not there", open(user, "none", os.O_WRONLY), os.ErrNotExist},
		{"a file in no folder", open(user, "none/note", os.O_WRONLY|os.O_CREATE), os.ErrNotExist},
		{"read a file that is not there", open(user, "none", os.O_RDONLY), os.ErrNotExist},
		{"a folder", user.Mkdir("dir"), ok},
		{"a folder again", user.Mkdir("dir"), failed},
		{"a folder in none", user.Mkdir("none/dir"), os.ErrNotExist},
		{"write a folder", open(user, "dir", os.O_WRONLY|os.O_CREATE), failed},
		{"a file in it", open(user, "dir/note", os.O_WRONLY|os.O_CREATE), ok},
		{"remove a folder that is not empty", user.RemoveDirectory("dir"), failed},
		{"rename over what is there", user.Rename("note", "new"), failed},
		{"rename a folder", user.Rename("dir", "dir2"), failed},
		{"rename", user.Rename("new", "newer"), ok},
		{"replace", user.PosixRename("note", "newer"), ok},
		{"rename what is not there", user.Rename("new", "newest"), os.ErrNotExist},
		{"remove what is not there", user.Remove("new"), os.ErrNotExist},
		{"a link", user.Symlink("newer", "/home/defaultuser/link"), ok},
		{"a link again", user.Symlink("newer", "/home/defaultuser/link"), failed},
		{"cut a file", user.Truncate("newer", 2), ok},
		{"set a time", user.Chtimes("newer", time.Unix(1, 0), time.Unix(1e9, 0)), ok},
		{"set an owner", root.Chown("/home/defaultuser/newer", 7, 8), ok},
		{"change what is not there", user.Chmod("none", 0o600), os.ErrNotExist},
		{"a hard link", user.Link("newer", "hard"), failed},
		{"list a file", func() error { _, err := user.ReadDir("newer"); return err }(), failed},
		{"list what is not there", func() error { _, err := user.ReadDir("none"); return err }(), os.ErrNotExist},
		{"read no link", func() error { _, err := user.ReadLink("/home/defaultuser/newer"); return err }(), failed},
		{"empty the folder", user.Remove("dir/note"), ok},
		{"remove it", user.RemoveDirectory("dir"), ok},
	} {
		good := errors.Is(test.got, test.want)
		if errors.Is(test.want, ok) || errors.Is(test.want, failed) {
			good = (test.got == nil) == errors.Is(test.want, ok)
		}
		if !good {
			t.Errorf("%s: %v, not %v", test.name, test.got, test.want)
		}
	}
	info, err := user.Stat("link") // followed
	if err != nil || info.Size() != 2 || info.ModTime().Unix() != 1e9 {
		t.Fatalf("%+v %v", info, err)
	}
	if st, is := info.Sys().(*sftp.FileStat); !is || st.UID != 7 || st.GID != 8 {
		t.Errorf("the owner: %+v", info.Sys())
	}
	if info, err := user.Lstat("link"); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%v %v", info, err)
	}
	if target, err := tab.ReadLink("/home/defaultuser/link"); err != nil || target != "newer" {
		t.Errorf("%s %v", target, err)
	}
	infos, err := user.ReadDir(".")
	var names []string
	for _, i := range infos {
		names = append(names, i.Name())
	}
	if slices.Sort(names); err != nil || !slices.Contains(names, "newer") || slices.Contains(names, "note") || slices.Contains(names, "dir") {
		t.Errorf("%v %v", names, err)
	}
	for name, want := range map[string]string{
		"/proc/cmdline": "androidboot.serialno=VT1 ", "/sys/class/power_supply/battery/capacity": "80\n", "/proc/sys/kernel/random/boot_id": "-",
		"/sys/class/net/wlan0/address": "02:", "/sys/block/mmcblk0/size": "61071360\n",
	} {
		f, err := user.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		_ = f.Close()
		if info, serr := user.Stat(name); err != nil || serr != nil || info.Size() != int64(len(text)) || !strings.Contains(string(text), want) {
			t.Errorf("%s: %q %v %v", name, text, err, serr)
		}
	}
}
