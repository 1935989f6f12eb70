package main

import (
	"os"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"
)

// What nfpm is told is what goreleaser is told.
func TestTranslate(t *testing.T) {
	release, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := translate(release, "1.2.3", "arm64", "/tmp/zarya", "2026-11-26T12:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name, Version, Arch, Maintainer, MTime string
		Overrides                              map[string]struct{ Depends, Recommends []string }
		Scripts                                map[string]string
		Contents                               []struct{ Src, Dst, Type string }
	}
	if err := yaml.Unmarshal(settings, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "zarya" || got.Version != "1.2.3" || got.Arch != "arm64" || got.Maintainer == "" || got.MTime != "2026-11-26T12:00:00Z" {
		t.Errorf("%+v", got)
	}
	if !slices.Contains(got.Overrides["deb"].Depends, "procps") || len(got.Overrides["rpm"].Depends) == 0 || len(got.Scripts) != 3 {
		t.Errorf("%+v %v", got.Overrides, got.Scripts)
	}
	last := got.Contents[len(got.Contents)-1]
	if last.Src != "/tmp/zarya" || last.Dst != "/usr/bin/zarya" || len(got.Contents) < 10 {
		t.Errorf("%+v", got.Contents)
	}
	for _, bad := range []string{"nfpms: []", "nfpms: {", "nfpms: [{}, {}]"} {
		if settings, err := translate([]byte(bad), "1", "amd64", "x", "y"); err == nil {
			t.Errorf("%s: %s", bad, settings)
		}
	}
}
