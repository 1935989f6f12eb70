// Package complete offers words for what a person has begun to type: tablets and ports that are
// plugged in, profiles, files, pools of identities, records. A word may have a description, after
// a tab.
//
// Each function lists words of one kind. [Arrange] connects them with the arguments and flags of
// the verbs by a table (shell.go). Completion never fails: where something cannot be read, nothing
// is offered and nothing is reported.
package complete

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/records"
	"github.com/zarya-station/zarya/internal/target"
)

// Targets are the tablets on USB by name, port and serial, and the ways to write one on the
// network.
func Targets(b *target.Bench) (words []string) {
	for name, about := range target.Protocols() {
		words = append(words, name+":\t"+about)
	}
	slices.Sort(words)
	bus, names, err := b.Plugged()
	if err != nil {
		return words
	}
	for _, name := range slices.Sorted(maps.Values(names)) {
		words = append(words, "port:"+name+"\tthe port with this name")
	}
	for _, d := range bus.Tablets() {
		words = append(words, "usb:"+d.Port.Short()+"\t"+d.Model()+" "+d.Serial)
		if d.Serial != "" {
			words = append(words, d.Serial+"\t"+d.Model())
		}
	}
	return words
}

// Ports are the names of ports and the ports with a tablet.
func Ports(b *target.Bench) (words []string) {
	if bus, names, err := b.Plugged(); err == nil {
		words = slices.Sorted(maps.Values(names))
		for _, d := range bus.Tablets() {
			words = append(words, d.Port.Short()+"\t"+d.Model()+" "+d.Serial)
		}
	}
	return words
}

// Serials are those of what is plugged in and of what was recorded.
func Serials(b *target.Bench, jobs []*ledger.JobRecord) (words []string) {
	if bus, err := b.Bus(); err == nil {
		for _, d := range bus.Tablets() {
			words = append(words, d.Serial)
		}
	}
	for _, j := range jobs {
		words = append(words, j.Serial)
	}
	return sorted(words)
}

// sorted has each word once, and none that is empty.
func sorted(words []string) []string {
	slices.Sort(words)
	return slices.DeleteFunc(slices.Compact(words), func(w string) bool { return w == "" })
}

// Profiles are those that can be named, and files.
func Profiles(m *recipe.Maker, typed string) []string {
	words := Files(typed, ".yaml", ".yml")
	if listed, err := m.ListProfiles(); err == nil {
		for _, l := range listed {
			if l.Name != "" {
				words = append(words, l.Name+"\t"+strings.Join(l.Models, ", "))
			}
		}
	}
	return words
}

// Files are those that begin with what was typed and end with one of the extensions, and
// folders, which end with a slash.
func Files(typed string, extensions ...string) (names []string) {
	found, err := filepath.Glob(escapeGlob(typed) + "*")
	if err != nil {
		return nil // it cannot be: what was typed is escaped
	}
	for _, name := range found {
		switch info, err := os.Stat(name); {
		case err != nil: // it has just gone
		case info.IsDir():
			names = append(names, name+"/")
		case slices.Contains(extensions, filepath.Ext(name)):
			names = append(names, name)
		}
	}
	return names
}

// Places are the ways to write where a bundle lies, in a registry or a folder, with the folders
// that begin with what was typed.
func Places(typed string) []string {
	words := []string{"oci://\ta registry: HOST/REPO:TAG", "oci-layout:\ta folder or USB stick: FOLDER:TAG"}
	if begun, is := strings.CutPrefix(typed, "oci-layout:"); is {
		for _, folder := range Files(begun) {
			words = append(words, "oci-layout:"+folder)
		}
	}
	return words
}

// escapeGlob takes the meaning from the signs of a glob.
func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(s)
}

// Pools are the pools of identities.
func Pools(rows []pool.Identity) (words []string) {
	for _, r := range rows {
		words = append(words, r.Pool)
	}
	return sorted(words)
}

// manyRecords is how many of the newest records are offered.
const manyRecords = 50

// Newest are the jobs that are offered.
func Newest(jobs []*ledger.JobRecord) []*ledger.JobRecord {
	return jobs[max(0, len(jobs)-manyRecords):]
}

// Records are the names of records and their tablets' serials, the newest first.
func Records(jobs []*ledger.JobRecord) (words []string) {
	seen := map[string]bool{}
	for _, j := range slices.Backward(jobs) {
		words = append(words, j.Record+"\t"+records.Word(j)+" "+j.Serial)
		if j.Serial != "" && !seen[j.Serial] {
			seen[j.Serial] = true
			words = append(words, j.Serial+"\tlast: "+records.Word(j))
		}
	}
	return words
}
