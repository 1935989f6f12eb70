// This file is where this machine keeps things, and what it is called.

package settings

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/bytesize"
	"github.com/zarya-station/zarya/internal/disk"
	"github.com/zarya-station/zarya/internal/problem"
)

// Folder is the user's folder of configuration; "" if there is no home.
func Folder() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "zarya")
}

// NoLedger is how --ledger says that nothing is to be recorded.
const NoLedger = "none"

// LedgerPath is the file that --ledger names, or "" for none.
func LedgerPath(named string) (string, error) {
	switch kind, rest, _ := strings.Cut(named, ":"); {
	case named == NoLedger:
		return "", nil
	case named == "":
		state := os.Getenv("XDG_STATE_HOME")
		if !filepath.IsAbs(state) {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", problem.New(problem.Station, "name one with --ledger sqlite:PATH", "no place for the ledger: %w", err)
			}
			state = filepath.Join(home, ".local", "state")
		}
		return filepath.Join(state, "zarya", "ledger.db"), nil
	case kind == "sqlite" && rest != "":
		return rest, nil
	case kind == "postgres":
		return "", problem.New(problem.Usage, "use --ledger sqlite:PATH", "--ledger: this version keeps its ledger in SQLite only")
	}
	return "", problem.New(problem.Usage, "write --ledger sqlite:PATH, or none", "--ledger: %q is no ledger", named)
}

// Station is what this station's records are signed with: its name in the fleet, if it has one.
func (s Settings) Station() (string, error) {
	name, _ := s.Lookup("station")
	enrolled, _ := s.Lookup("fleet-station")
	if enrolled != "" && name != "" && enrolled != name {
		return "", problem.New(problem.Station, "take the setting station away", "this station is %q here and %q in the fleet", name, enrolled)
	}
	name = cmp.Or(enrolled, name)
	if name == "" {
		var err error
		if name, err = os.Hostname(); err != nil {
			return "", problem.New(problem.Station, "set ZARYA_STATION", "this station has no name: %w", err)
		}
	}
	if len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return "", problem.New(problem.Station, "set ZARYA_STATION to up to 64 letters, digits and marks", "%q is no name for a station", name)
	}
	return name, nil
}

// AgeKey is the file of the station's key: the setting age-key, or age.key in [Folder].
func (s Settings) AgeKey() string {
	file, _ := s.Lookup("age-key")
	return cmp.Or(file, filepath.Join(Folder(), "age.key"))
}

// BundleStore is the folder of pulled bundles: the setting bundle-store, or zarya/bundles in
// XDG_CACHE_HOME.
func (s Settings) BundleStore() (string, error) {
	if dir, _ := s.Lookup("bundle-store"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", problem.New(problem.Station, "name one with the setting bundle-store", "no place for pulled bundles: %w", err)
	}
	return filepath.Join(dir, "zarya", "bundles"), nil
}

// SigningKey is the file of the key with which the station signs: the setting signing-key, or
// signing_key beside the ledger at path.
func (s Settings) SigningKey(path string) string {
	file, _ := s.Lookup("signing-key")
	return cmp.Or(file, filepath.Join(filepath.Dir(path), "signing_key"))
}

// Evidence are the settings receipts (a folder) and witness (a file that keeps heads); "" is
// none.
func (s Settings) Evidence() (receipts, witness string) {
	receipts, _ = s.Lookup("receipts")
	witness, _ = s.Lookup("witness")
	return receipts, witness
}

// Fleet is the URL of the fleet's database; "" is none.
func (s Settings) Fleet() string {
	url, _ := s.Lookup("fleet-database")
	return url
}

// FleetStock is how many identities of a pool this station leases ahead (0: as usual), and
// whether it gives them after a start without the fleet's database.
func (s Settings) FleetStock() (ahead int, alone bool, err error) {
	switch text, source := s.Lookup("fleet-alone"); text {
	case "", "false":
	case "true":
		alone = true
	default:
		return 0, false, problem.New(problem.Usage, "true or false", "%s: %q", source, text)
	}
	text, source := s.Lookup("fleet-ahead")
	if text == "" {
		return 0, alone, nil
	}
	if ahead, err = strconv.Atoi(text); err != nil || ahead < 1 || ahead > 10000 {
		return 0, false, problem.New(problem.Usage, "from 1 to 10000", "%s: %q is no number of identities", source, text)
	}
	return ahead, alone, nil
}

// CachePlace reads the settings cache (a folder, or none) and cache-size. By default the
// cache is zarya/images in XDG_CACHE_HOME, and a tenth of the disk, 8 to 64 GiB.
func (s Settings) CachePlace() (dir string, limit int64, err error) {
	if dir, _ = s.Lookup("cache"); dir == "none" {
		return "", 0, nil
	}
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return "", 0, err
		}
		dir = filepath.Join(dir, "zarya", "images")
	}
	size, source := s.Lookup("cache-size")
	if limit, err = bytesize.Parse(size); err != nil {
		return "", 0, fmt.Errorf("%s: %w", source, err)
	}
	if limit == 0 {
		size, err := disk.Size(dir)
		for at := dir; err != nil && at != filepath.Dir(at); { // it may not be there yet
			at = filepath.Dir(at)
			size, err = disk.Size(at)
		}
		limit = min(max(size/10, 8<<30), 64<<30)
	}
	return dir, limit, nil
}
