package complete

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/machine"
	"github.com/zarya-station/zarya/internal/settings"
)

// line completes a command line as a shell would, of a machine with a pool and a bundle.
func line(t *testing.T, prepare func(*cobra.Command) error, typed ...string) (words []string, how string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(name, filepath.Join(dir, strings.ToLower(name)))
	}
	t.Chdir(dir)
	if err := os.WriteFile("census.bundle", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("censuses", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("kit.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("rows.csv", []byte("inventory\nC-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machine.Machine{Settings: settings.Settings{"station": "A"}, Secrets: &flash.Secrets{}, Warn: t.Logf, Say: t.Logf}
	t.Cleanup(m.Close)
	if err := m.Write(t.Context(), func(ctx context.Context, l *ledger.Ledger) error {
		table, err := pool.ReadTable("rows.csv")
		if err == nil {
			_, _, err = pool.ImportTable(ctx, l, "census", "rows.csv", table, pool.Declaration{}, func(string) bool { return false }, m.Key())
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	nothing := func(*cobra.Command, []string) error { return nil }
	root := &cobra.Command{Use: "zarya"}
	bundles := &cobra.Command{Use: "bundle"}
	bundles.AddCommand(&cobra.Command{Use: "verify BUNDLE", RunE: nothing}, &cobra.Command{Use: "push BUNDLE TO", RunE: nothing},
		&cobra.Command{Use: "pull FROM [OUT]", RunE: nothing})
	profiles := &cobra.Command{Use: "profile"}
	profiles.AddCommand(&cobra.Command{Use: "validate PROFILE…", RunE: nothing})
	list := &cobra.Command{Use: "list", RunE: nothing}
	list.Flags().String("pool", "", "")
	list.Flags().StringP("target", "s", "", "")
	root.AddCommand(bundles, profiles, list, &cobra.Command{Use: "explain CLASS", RunE: nothing})
	Arrange(root, m, t.Context, prepare)
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, typed...))
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, ":") })
	if i < 0 {
		t.Fatalf("%q", lines)
	}
	return lines[:i], strings.Join(lines[i+1:], " ")
}

func ready(*cobra.Command) error { return nil }

func TestAShellIsOfferedWhatThereIs(t *testing.T) {
	for _, test := range []struct {
		typed []string
		want  string
	}{
		{[]string{"list", "--pool", ""}, "census"},
		{[]string{"list", "--pool", "x"}, ""},
		{[]string{"list", "-s", "tc"}, "tcp:"},
		{[]string{"bundle", "verify", "census"}, "census.bundle censuses/"},
		{[]string{"bundle", "verify", "census.bundle", "cens"}, ""}, // it takes one
		{[]string{"bundle", "push", "census"}, "census.bundle censuses/"},
		{[]string{"bundle", "push", "census.bundle", ""}, "oci:// oci-layout:"},
		{[]string{"bundle", "push", "census.bundle", "census"}, ""}, // no place is named so
		{[]string{"bundle", "push", "census.bundle", "oci-layout:c"}, "oci-layout:censuses/"},
		{[]string{"bundle", "push", "census.bundle", "oci://r/c:1", ""}, ""},
		{[]string{"bundle", "pull", "oci"}, "oci:// oci-layout:"},
		{[]string{"bundle", "pull", "c"}, "censuses/"}, // a bundle that is here needs no pull
		{[]string{"bundle", "pull", "oci-layout:censuses", "c"}, "censuses/"},
		{[]string{"bundle", "pull", "oci-layout:censuses", "out", "c"}, ""},
		{[]string{"profile", "validate", "kit.yaml", "ki"}, "kit.yaml"}, // it takes any number
		{[]string{"explain", "cab"}, "cable"},
	} {
		if words, _ := line(t, ready, test.typed...); strings.Join(words, " ") != test.want {
			t.Errorf("%q: %q", test.typed, words)
		}
	}
	for _, typed := range [][]string{{"bundle", "verify", "cens"}, {"bundle", "push", "census.bundle", "oci-"}} {
		if _, how := line(t, ready, typed...); !strings.Contains(how, "NoSpace") {
			t.Errorf("%q: a space would come behind what is not whole: %s", typed, how)
		}
	}
}

func TestASettingThatIsWrongOffersNothing(t *testing.T) {
	words, how := line(t, func(*cobra.Command) error { return errors.New("settings") }, "list", "--pool", "")
	if len(words) > 0 || !strings.Contains(how, "Error") {
		t.Errorf("%q, %s", words, how)
	}
}
