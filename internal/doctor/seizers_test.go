package doctor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestSeizers: each program that takes tablets for itself is named while it runs, with what
// to do about it; the one that the udev rule keeps away only without the rule.
func TestSeizers(t *testing.T) {
	write := func(m *machine, file, text string) {
		if err := os.MkdirAll(filepath.Dir(m.at(file)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.at(file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range seizers {
		m := &machine{root: t.TempDir()}
		write(m, "/proc/1/comm", "systemd\n")
		if got := m.seizers(); len(got) != 0 {
			t.Errorf("nothing runs: %+v", got)
		}
		for i := range 2 {
			write(m, "/proc/"+strconv.Itoa(20+i)+"/comm", row.process+"\n")
		}
		got := m.seizers()
		if len(got) != 1 || got[0].Level != Warning || got[0].About != row.found.About || got[0].Says == "" || got[0].Remedy == "" {
			t.Errorf("%s: %+v", row.process, got)
		}
		if len(row.process) > 15 {
			t.Errorf("%s: /proc tells 15 bytes of a name", row.process)
		}
		write(m, rulesFile, "")
		if got := m.seizers(); (len(got) == 0) != row.ruled {
			t.Errorf("%s with the udev rule: %+v", row.process, got)
		}
	}
	m := &machine{root: t.TempDir()}
	for i, name := range []string{"fwupd", "gvfs-mtp-volume", "ModemManager", "fwupd-refresh"} {
		write(m, "/proc/"+strconv.Itoa(30+i)+"/comm", name+"\n")
	}
	var named []string
	for _, f := range m.seizers() {
		named = append(named, f.About)
	}
	if got := strings.Join(named, " "); got != "ModemManager fwupd GVFS" {
		t.Errorf("named %s", got)
	}
}
