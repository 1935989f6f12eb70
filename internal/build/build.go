// Package build says what this program was built from: the version of the release or the commit
// ([Version]), and which parts the build has ([Of]). The version is on every record, on the page,
// and in what zarya version prints.
package build

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set when a release is built.
var version = "dev"

// Version is what this program says it is.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}

// Info is what there is to know of a build.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"` // that it was built from; left out: not known
	Changed bool   `json:"changed"`          // by more than the commit has
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	USB     bool   `json:"usb"`     // it can use USB devices
	Virtual bool   `json:"virtual"` // it has virtual tablets
}

// Of is this program, with what its parts know of themselves.
func Of(usb, virtual bool) Info {
	i := Info{Version: Version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, USB: usb, Virtual: virtual}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				i.Commit = s.Value
			case "vcs.modified":
				i.Changed = s.Value == "true"
			}
		}
	}
	return i
}

// String is for people.
func (i Info) String() string {
	about := fmt.Sprintf("%s, %s/%s", i.Go, i.OS, i.Arch)
	if i.Commit != "" {
		about = "commit " + i.Commit[:min(12, len(i.Commit))] + ", " + about
	}
	if !i.USB {
		about += ", without USB"
	}
	if !i.Virtual {
		about += ", without virtual tablets"
	}
	return fmt.Sprintf("zarya %s (%s)", i.Version, about)
}
