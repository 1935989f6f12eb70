// This file decides whether a prepared image that lay in the cache can still be believed.

package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// believed is how long an entry need not be compared again as a whole, in one boot of the
// computer, if nobody touched its file: what was given up by the page cache since then is
// compared before it is sent.
const believed = time.Hour

// vouch compares the bytes of an entry with their sums, unless that was done just now.
func (c *Cache) vouch(key string, st *store) error {
	now := c.now()
	defer func() { _ = os.Chtimes(c.recordPath(key), now, now) }() // used
	if c.recorded(key, st.id, now) {
		return nil
	}
	if err := st.checkAll(); err != nil {
		return err
	}
	id, err := identify(st.file)
	if err == nil && id == st.id && now.Sub(time.Unix(0, id.ctime)) > tick {
		c.record(key, id)
	}
	return err
}

// recordPath is the path of the record about an entry.
func (c *Cache) recordPath(key string) string { return filepath.Join(c.dir, "checked", key) }

// record writes down that an entry is right now what it should be.
func (c *Cache) record(key string, id identity) {
	text := fmt.Sprintf("%s\n%+v\n%d\n", bootID(), id, c.now().Unix())
	path := c.recordPath(key)
	// Whatever is only half there is not believed.
	err := os.WriteFile(path+".part", []byte(text), 0o600) //nolint:gosec // a name of our own folder
	if err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		_ = os.Remove(path + ".part")
	}
}

// recorded reports whether an entry was compared within the last hour of this boot, and
// not touched since.
func (c *Cache) recorded(key string, id identity, now time.Time) bool {
	text, err := os.ReadFile(c.recordPath(key))
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) != 4 || lines[0] == "" || lines[0] != bootID() || lines[1] != fmt.Sprintf("%+v", id) {
		return false
	}
	at, err := strconv.ParseInt(lines[2], 10, 64)
	age := now.Sub(time.Unix(at, 0))
	return err == nil && age > -time.Second && age < believed
}

// used is when an entry was used last; made is when it was made.
func (c *Cache) used(key string, made time.Time) time.Time {
	if info, err := os.Stat(c.recordPath(key)); err == nil {
		return info.ModTime()
	}
	return made
}

// bootID names this boot of the computer; "" where it has no name.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
