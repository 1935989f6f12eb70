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
			}{version, runtime.Version(), runtime.GOOS, runtime.GOARCH, hasVirtual}
			if info, ok := debug.ReadBuildInfo(); ok && v.Version == "dev" && info.Main.Version != "" && info.Main.Version != "(devel)" {
				v.Version = info.Main.Version
			}
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
