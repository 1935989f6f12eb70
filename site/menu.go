// This file is the menu: which pages there are, in the order in which readers need them.

package main

// section is a heading of the menu and the pages below it, as files of the tree.
type section struct {
	title string
	files []string
}

// menu has every page of docs/ once; build refuses one that is missing.
var menu = []section{
	{"Begin", []string{"README.md", "docs/quickstart.md", "docs/install.md", "docs/troubleshooting.md"}},
	{"At the station", []string{"docs/station-guide.md", "docs/station-guide.ru.md", "docs/supervisor.md", "docs/station.md",
		"docs/station-service.md", "docs/station-scanner.md"}},
	{"Profiles and images", []string{"docs/profile.md", "docs/flash.md", "docs/images.md", "docs/bundle.md", "docs/usb.md",
		"docs/virtual.md"}},
	{"Records", []string{"docs/ledger.md", "docs/report.md", "docs/labels.md",
		"docs/mes.md"}},
	{"Many stations", []string{"docs/fleet.md", "docs/fleet-registry.md", "docs/scale.md"}},
	{"Scripts and CI", []string{"docs/ci.md", "docs/events.md"}},
	{"Reference", []string{"docs/profile-reference.md", "docs/settings.md", "docs/messages.md"}},
	{"The project", []string{"docs/architecture.md", "docs/performance.md", "docs/contributing.md", "docs/decisions/README.md",
		"SECURITY.md", "CHANGELOG.md"}},
}

// further are pages that others lead to, without a place in the menu.
var further = []string{"docs/decisions/0*.md"}
