// This file keeps the station's names for ports, against their stable form.

package usb

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2/maybe"

	"github.com/zarya-station/zarya/internal/lazyregexp"
)

// Names are ports' names by their stable form (Port.Path).
type Names map[string]string

var nameForm = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_-]{0,15}$`)

// LoadNames reads a file of lines "NAME PATH"; a file that is not there has none.
func LoadNames(file string) (Names, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user's own configuration
	if errors.Is(err, fs.ErrNotExist) {
		return Names{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseNames(file, string(text))
}

func parseNames(file, text string) (Names, error) {
	names := Names{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s:%d: write NAME PATH", file, n)
		}
		if err := names.Set(fields[1], fields[0]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return names, nil
}

// ValidName says why a text cannot be a port's name, or nil.
func ValidName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q is no name for a port: a letter, then up to 15 letters, digits, _ and -", name)
	}
	return nil
}

// Set names a port; "" takes its name away. A name is of one port.
func (n Names) Set(path, name string) error {
	if name == "" {
		delete(n, path)
		return nil
	}
	if err := ValidName(name); err != nil {
		return err
	}
	if !strings.Contains(path, "-usb-0:") || strings.ContainsAny(path, " \t\n") {
		return fmt.Errorf("%q is no port's path, such as pci-0000:00:14.0-usb-0:1.3", path)
	}
	for p, other := range n {
		if strings.EqualFold(other, name) && p != path {
			return fmt.Errorf("%s is the name of %s already", name, p)
		}
	}
	n[path] = name
	return nil
}

// Find gives the path of a name; "" is none.
func (n Names) Find(name string) string {
	for path, other := range n {
		if strings.EqualFold(other, name) {
			return path
		}
	}
	return ""
}

// Save replaces the file in one step, durably.
func (n Names) Save(file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // configuration is no secret
		return err
	}
	var b strings.Builder
	b.WriteString("# The station's names for ports: zarya ports name.\n")
	for _, path := range slices.SortedFunc(maps.Keys(n), func(x, y string) int { return strings.Compare(n[x], n[y]) }) {
		fmt.Fprintf(&b, "%s %s\n", n[path], path)
	}
	return maybe.WriteFile(file, []byte(b.String()), 0o644)
}
