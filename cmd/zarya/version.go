// This file is zarya version.

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
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

func newVersion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version string `json:"version"`
				Go      string `json:"go"`
				OS      string `json:"os"`
				Arch    string `json:"arch"`
				Virtual bool   `json:"virtual"` // it has virtual tablets
			}{programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, hasVirtual}
			if a.json {
				return a.document("version", []any{v})
			}
			without := ""
			if !v.Virtual {
				without = ", without virtual tablets"
			}
			fmt.Fprintf(a.stdout, "zarya %s (%s, %s/%s%s)\n", v.Version, v.Go, v.OS, v.Arch, without)
			return nil
		},
	}
}
