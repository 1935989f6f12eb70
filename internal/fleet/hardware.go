// This file tells the machine that joined from another one that has a copy of its disk.

package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Root is where the files of the machine are. Tests have another machine.
var Root = "/"

// marks are what a machine is known by, hashed.
type marks struct {
	ID       string   `json:"id,omitempty"`       // of the installed system: a copied disk has it too
	Hardware []string `json:"hardware,omitempty"` // what no disk has
}

// isOther says whether marks are of two machines. The hardware says it where it is known: one part
// that is the same is enough, since others are replaced, and a user who is not root sees fewer.
func (m marks) isOther(now marks) bool {
	if len(m.Hardware) > 0 && len(now.Hardware) > 0 {
		return !slices.ContainsFunc(m.Hardware, func(h string) bool { return slices.Contains(now.Hardware, h) })
	}
	return m.ID != "" && now.ID != "" && m.ID != now.ID
}

// unset are numbers of a machine that many have.
var unset = []string{"", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
	"03000200-0400-0500-0006-000700080009", "12345678-1234-5678-90ab-cddeefaabbcc"}

// marksOf reads the marks of the machine whose files are below root.
func marksOf(root string) (m marks) {
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path)) //nolint:gosec // of the kernel and the system
		if err != nil {
			return ""
		}
		return strings.ToLower(strings.Trim(string(text), "\x00 \n"))
	}
	hash := func(text string) string { // machine-id(5) asks that it is told to nobody
		sum := sha256.Sum256([]byte("zarya-fleet-machine " + text))
		return hex.EncodeToString(sum[:16])
	}
	if id := read("etc/machine-id"); id != "" && id != "uninitialized" {
		m.ID = hash(id)
	}
	for _, path := range []string{"sys/class/dmi/id/product_uuid", "proc/device-tree/serial-number"} {
		if id := read(path); !slices.Contains(unset, id) {
			m.Hardware = append(m.Hardware, hash(path+" "+id))
		}
	}
	cards, _ := filepath.Glob(filepath.Join(root, "sys/class/net/*"))
	for _, card := range cards {
		at, err := filepath.EvalSymlinks(card)
		if err != nil || strings.Contains(at, "/virtual/") || strings.Contains(at, "/usb") { // a tablet may be such a card
			continue
		}
		of := filepath.Join("sys/class/net", filepath.Base(card))
		if address := read(of + "/address"); address != "" && read(of+"/addr_assign_type") == "0" { // its own, made up by nobody
			m.Hardware = append(m.Hardware, hash("address "+address))
		}
	}
	return m
}

// IsElsewhere says that the station joined on another machine than this one. It is not known of a
// login without marks, and where this machine shows none.
func (f Files) IsElsewhere() bool {
	text, err := readPrivate(f.LoginFile())
	var l savedLogin
	return err == nil && json.Unmarshal(text, &l) == nil && l.Machine.isOther(marksOf(Root))
}
