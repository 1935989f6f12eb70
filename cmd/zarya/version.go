// This file is zarya version.

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/usb/libusb"
)

// version is set when a release is built.
var version = "dev"

// programVersion is what this program says it is, and what records say of it.
func programVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return version
}

// programCommit is the commit that this program was built from, "" if that is not known, and
// whether its files were changed since.
func programCommit() (commit string, changed bool) {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return "", false
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			commit = s.Value
		case "vcs.modified":
			changed = s.Value == "true"
		}
	}
	return commit, changed
}

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Commit  string `json:"commit,omitempty"` // that it was built from; left out: not known
				Changed bool   `json:"changed"`          // by more than the commit has
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
				USB     bool   `json:"usb"`     // it can use USB devices
				Virtual bool   `json:"virtual"` // it has virtual tablets
			}{Version: programVersion(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, USB: libusb.Available, Virtual: hasVirtual}
			v.Commit, v.Changed = programCommit()
			if a.json {
				return a.document("version", []any{v})
			}
			about := fmt.Sprintf("%s, %s/%s", v.Go, v.OS, v.Arch)
			if v.Commit != "" {
				about = "commit " + v.Commit[:min(12, len(v.Commit))] + ", " + about
			}
			if !v.USB {
				about += ", without USB"
			}
			if !v.Virtual {
				about += ", without virtual tablets"
			}
			fmt.Fprintf(a.stdout, "zarya %s (%s)\n", v.Version, about)
			return nil
		},
	}
}
