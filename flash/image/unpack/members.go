// This file finds members of archives by their names.

package unpack

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// untrusted is what to do about an archive that was made to harm.
const untrusted = "it is not to be trusted: get the archive from its source"

// Junk reports whether a member is nothing that anyone put into an archive: what a Mac or
// a Windows leaves in every folder. name is with slashes.
func Junk(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		switch lower := strings.ToLower(part); {
		case part == "__MACOSX", strings.HasPrefix(part, "._"), part == ".DS_Store", part == ".AppleDouble",
			part == ".Spotlight-V100", part == ".fseventsd",
			lower == "thumbs.db", lower == "desktop.ini", lower == "$recycle.bin", lower == "system volume information":
			return true
		}
	}
	return false
}

// Slashes is a member's name as it is meant: archivers on Windows write backslashes, and
// names in the code page of the machine.
func Slashes(name string) string {
	if !utf8.ValidString(name) {
		if s, err := charmap.CodePage866.NewDecoder().String(name); err == nil {
			name = s
		}
	}
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, "\\", "/")
	}
	return name
}

// members holds an archive to names that mean one thing each.
type members struct {
	want  string
	seen  map[string]bool
	files []string
}

// add says whether a member is the wanted one, and what is wanted in it: a member of it
// if it is an archive, too.
func (m *members) add(name string) (is bool, inside string, err error) {
	name = Slashes(name)
	clean := path.Clean(name)
	if path.IsAbs(name) || clean == ".." || strings.HasPrefix(clean, "../") ||
		strings.ContainsAny(name, "\\\x00") || len(clean) > 1 && clean[1] == ':' {
		return false, "", &Error{fmt.Sprintf("has a member %q, a name that leads out of it", name), untrusted}
	}
	if Junk(clean) {
		return false, "", nil
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	if m.seen[clean] {
		return false, "", &Error{fmt.Sprintf("has two members %q", clean), untrusted}
	}
	if m.seen[clean] = true; len(m.seen) > maxMembers {
		return false, "", fmt.Errorf("has more than %d members", maxMembers)
	}
	m.files = append(m.files, clean)
	inside, is = m.wants(clean)
	return is || m.want == "" && len(m.files) == 1, inside, nil
}

// wants says whether name is wanted, or something in it.
func (m *members) wants(name string) (inside string, is bool) {
	if m.want == "" {
		return "", false
	}
	if m.want == name {
		return "", true
	}
	return strings.CutPrefix(m.want, name+"/")
}

// one checks at the end that exactly one member was meant.
func (m *members) one(archive string, found bool) error {
	switch {
	case m.want != "" && !found:
		return &Error{fmt.Sprintf("has no member %q; it has %s", m.want, listed(m.files)), "check the name"}
	case len(m.files) == 0:
		return errors.New("is an archive without files")
	case m.want == "" && len(m.files) > 1:
		return &Error{fmt.Sprintf("has %d members: name one, such as %s/%s; it has %s", len(m.files), archive, m.files[0], listed(m.files)),
			"write the member's name behind the file's"}
	}
	return nil
}

func listed(names []string) string {
	const most = 8
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// without is a compressed file's name without what its compressor added.
func without(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 && SaysPacked(name) {
		return name[:i]
	}
	return name
}
