// Command nfpm writes the settings of nfpm, the packager inside goreleaser, from the section
// nfpms of .goreleaser.yaml: so that a package can be built and tried without goreleaser, which
// takes ten minutes to build, and is the package that a release has.
//
//	go run ./packaging/nfpm VERSION ARCH PROGRAM COMMIT-TIME OUT
package main

import (
	"errors"
	"log"
	"os"
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: nfpm VERSION ARCH PROGRAM COMMIT-TIME OUT")
	}
	release, err := os.ReadFile(".goreleaser.yaml")
	if err != nil {
		log.Fatal(err)
	}
	settings, err := translate(release, os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err == nil {
		err = os.WriteFile(os.Args[5], settings, 0o644) //nolint:gosec // it has no secret
	}
	if err != nil {
		log.Fatal(err)
	}
}

type section = map[string]any

// names are goreleaser's for what nfpm calls otherwise; "" is of no meaning to nfpm.
var names = map[string]string{"package_name": "name", "dependencies": "depends", "id": "", "ids": "", "formats": "",
	"file_name_template": "", "bindir": ""}

// translate makes the settings of one architecture's packages.
func translate(release []byte, version, arch, program, commitTime string) ([]byte, error) {
	text := strings.ReplaceAll(string(release), "{{ .CommitDate }}", commitTime)
	var all struct{ NFPMs []section }
	if err := yaml.Unmarshal([]byte(text), &all); err != nil {
		return nil, err
	}
	if len(all.NFPMs) != 1 {
		return nil, errors.New(".goreleaser.yaml has not one section nfpms")
	}
	from := all.NFPMs[0]
	to := renamed(from)
	to["version"], to["arch"], to["platform"] = version, arch, "linux"
	bindir, _ := from["bindir"].(string)
	contents, _ := from["contents"].([]any)
	to["contents"] = append(contents, section{"src": program, "dst": path.Join(bindir, "zarya"), "file_info": section{"mode": 0o755}})
	return yaml.Marshal(to)
}

// renamed is a section with nfpm's names, and those in it.
func renamed(from section) section {
	to := section{}
	for key, value := range from {
		name, other := names[key]
		switch {
		case !other:
			name = key
		case name == "":
			continue
		}
		if inner, is := value.(section); is {
			value = renamed(inner)
		}
		to[name] = value
	}
	return to
}
