package runs

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/console"
	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/recipe"
	"github.com/zarya-station/zarya/internal/signals"
	"github.com/zarya-station/zarya/internal/target/ask"
	"github.com/zarya-station/zarya/internal/virtual/fleet"
	"github.com/zarya-station/zarya/internal/words"
)

// bench is a front end with virtual tablets.
type bench struct {
	*Front
	targets   []string
	out, errs bytes.Buffer
}

func newBench(t *testing.T, tablets fleet.Options) *bench {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "ZARYA_CACHE"} {
		t.Setenv(name, filepath.Join(dir, name))
	}
	t.Setenv("ZARYA_TARGET", "")
	t.Setenv("GITHUB_ACTIONS", "")
	b := &bench{Front: &Front{}}
	b.Console = &console.Console{In: strings.NewReader(""), Out: &b.out, Err: &b.errs, Words: words.For("en"), Yes: true}
	b.Secrets, b.Warn, b.Say = &flash.Secrets{}, b.Warnf, b.Progressf
	b.ExitCode = func(results []flash.JobDone) int { return len(results) }
	b.Ledger, b.LockDir = "sqlite:"+filepath.Join(dir, "ledger.db"), filepath.Join(dir, "lock")
	b.Signals = signals.Watch(flash.ErrStopped)
	ctx, cancel := b.Signals.UntilFirst()
	b.Context = ctx
	tablets.Count, tablets.Listen, tablets.Family, tablets.State = 2, "tcp:127.0.0.1:0", "kirin710a-ags3", filepath.Join(dir, "tablets")
	places, stop, err := fleet.Start(context.WithoutCancel(ctx), tablets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
		cancel()
		b.Close()
		b.Signals.Stop()
	})
	for _, p := range places {
		b.targets = append(b.targets, p.Target)
	}
	return b
}

// wants fails unless an error is of a kind and says something.
func wants(t *testing.T, err error, kind problem.Kind, text string) {
	t.Helper()
	if got, ok := problem.KindOf(err); !ok || got != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("%v (%v), not %v %q", err, got, kind, text)
	}
}

func (b *bench) image(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cache.img")
	if err := os.WriteFile(file, bytes.Repeat([]byte("zarya"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func digest(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

func TestImagesAreWrittenAndRecorded(t *testing.T) {
	b := newBench(t, fleet.Options{})
	images := recipe.DirectRequest{Images: []string{"cache=" + b.image(t)}, Sparse: "auto"}
	o := Options{Targets: b.targets, Trust: recipe.StationTrust, DryRun: true}
	if err := b.Images(o, images, ""); err != nil || !strings.Contains(b.out.String(), "on 2 tablets; nothing was written") {
		t.Fatalf("%v: %s", err, &b.out)
	}
	o.DryRun = false
	if err := b.Images(o, images, "bootloader"); err != nil {
		t.Fatalf("%v: %s", err, &b.errs)
	}
	jobs, err := b.Jobs(b.Context)
	if err != nil || len(jobs) != 2 || jobs[0].Result != string(flash.Pass) {
		t.Errorf("%d jobs are recorded, %v", len(jobs), err)
	}
	wants(t, b.Images(Options{Targets: []string{"port:*"}, Trust: o.Trust}, images, ""), problem.Usage, "in full")
	wants(t, b.Images(o, images, "moon"), problem.Usage, `no mode "moon"`)
	b.Yes = false
	wants(t, b.Images(o, images, ""), problem.Usage, "writing to these 2 tablets needs a yes")
	b.Yes = true
	wants(t, b.Retry(""), problem.Usage, "no run is known")
}

func TestATabletThatFailsIsTheError(t *testing.T) {
	b := newBench(t, fleet.Options{FaultsOn: []string{"VT0002=fail=no%20way@flash:cache"}})
	b.JSON = true
	err := b.Images(Options{Targets: b.targets, Trust: recipe.StationTrust},
		recipe.DirectRequest{Images: []string{"cache=" + b.image(t)}, Sparse: "auto"}, "")
	wants(t, err, problem.Failed, "")
	lines := strings.Split(strings.TrimSpace(b.out.String()), "\n")
	var last struct {
		Type string `json:"type"`
		Exit int    `json:"exit"`
	}
	if jerr := json.Unmarshal([]byte(lines[len(lines)-1]), &last); jerr != nil || last.Exit != 2 {
		t.Errorf("%v: the summary is %s", jerr, lines[len(lines)-1])
	}
	if !b.Summarized {
		t.Error("a front end would write another summary")
	}
}

func TestOptionsThatDoNotGoTogether(t *testing.T) {
	b := newBench(t, fleet.Options{})
	for text, o := range map[string]Options{
		"--concurrency cannot be negative":            {Concurrency: -1},
		"--expect counts the tablets of --all":        {Expect: 2},
		"--all needs --profile or --bundle":           {All: true},
		"--all and -s both choose tablets":            {All: true, Profile: "p", Targets: b.targets},
		"--expect cannot be negative":                 {All: true, Profile: "p", Expect: -1},
		"--wait-for-device with --all needs --expect": {All: true, Profile: "p"},
	} {
		b.Wait = 1
		wants(t, b.Profile(o, flash.ScopeRun), problem.Usage, text)
	}
	b.Wait = -1
	_, err := b.Targets(b.targets)
	wants(t, err, problem.Usage, "cannot be negative")
	b.Wait = 0
	wants(t, b.Plan(Options{}, "moon", recipe.PlanFor{}), problem.Usage, `no scope "moon"`)
	b.Ledger = "none"
	wants(t, b.Profile(Options{}, flash.ScopeRun), problem.Usage, "run needs a ledger")
	wants(t, b.Retry(""), problem.Usage, "only a run that was recorded")
}

func TestABundleWithoutAProfile(t *testing.T) {
	b := newBench(t, fleet.Options{})
	file := filepath.Join(t.TempDir(), "cache.bundle")
	err := bundle.Build(b.Context, file, bundle.Manifest{Name: "cache", Version: "1.0", Models: []string{"AGS3-L09"}, Access: "none"},
		[]bundle.Source{{Partition: "cache", Path: b.image(t)}}, bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Targets: b.targets, Bundle: file, Trust: recipe.StationTrust}
	if err := b.Bundle(o, "system"); err != nil {
		t.Fatalf("%v: %s", err, &b.errs)
	}
	if jobs, err := b.Jobs(b.Context); err != nil || len(jobs) != 2 {
		t.Errorf("%d jobs are recorded, %v", len(jobs), err)
	}
	o.Bundle = file + "x"
	if err := b.Bundle(o, ""); err == nil {
		t.Error("a bundle that is not there was written")
	}
}

func TestAProfileIsPlannedRunAndDoneAgain(t *testing.T) {
	b := newBench(t, fleet.Options{})
	dir := t.TempDir()
	t.Chdir(dir)
	image := b.image(t)
	if err := os.WriteFile("p.yaml", []byte(`zarya: 1
name: cache-only
tablet: {models: [AGS3-L09]}
partitions: [cache]
images:
  cache: {file: `+image+`, sha256: `+digest(t, image)+`}
flash:
  - images: all
`), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{Targets: b.targets, Profile: "p.yaml", Trust: recipe.StationTrust}
	if err := b.Plan(o, flash.ScopeFlash, recipe.PlanFor{}); err != nil {
		t.Fatalf("%v: %s", err, &b.errs)
	}
	if plan := b.out.String(); !strings.Contains(plan, "VT0001") || !strings.Contains(plan, "cache") {
		t.Errorf("the plan is %s", plan)
	}
	for _, targets := range [][]string{nil, b.targets} {
		if err := b.Profile(Options{Profile: "p.yaml", Trust: o.Trust, DryRun: true, Targets: targets}, flash.ScopeFlash); err != nil {
			t.Error(err)
		}
	}
	o.Targets = append(o.Targets, "tcp:127.0.0.1:1") // where nobody is
	wants(t, b.Profile(o, flash.ScopeFlash), problem.Bench, "")
	t.Chdir(t.TempDir())
	wants(t, b.Retry(""), problem.NoDevice, "") // that one alone
	if here, _ := os.Getwd(); here != dir {
		t.Errorf("done again in %s", here)
	}
}

func TestQuestionsAndTheirAnswers(t *testing.T) {
	b := newBench(t, fleet.Options{})
	b.Verbose = true
	ask := func(typed []string) error {
		b.out.Reset()
		b.errs.Reset()
		return AskBootloaders(b.Front, "getvar", typed, func(ctx context.Context, s ask.Session) ([]fastboot.Var, error) {
			return ask.Getvars(ctx, s, []string{"serialno"})
		}, func(vars []fastboot.Var) (lines []string) { return []string{vars[0].Value} })
	}
	if err := ask(b.targets); err != nil || !strings.Contains(b.out.String(), b.targets[1]+"  VT0002\n") {
		t.Errorf("%v: %s", err, &b.out)
	}
	if err := ask(b.targets[:1]); err != nil || b.out.String() != "VT0001\n" {
		t.Errorf("%v: %q", err, &b.out)
	}
	b.Verbose = false
	nobody := "tcp:127.0.0.1:1"
	wants(t, ask(append([]string{nobody}, b.targets...)), problem.Bench, "")
	if !strings.Contains(b.out.String(), "VT0002") || !strings.Contains(b.errs.String(), "→") {
		t.Errorf("out %s, err %s", &b.out, &b.errs)
	}
	wants(t, ask([]string{nobody}), problem.NoDevice, "")
	_, err := b.One(b.targets[0])
	if err != nil {
		t.Error(err)
	}
	t.Setenv("ZARYA_TARGET", strings.Join(b.targets, ","))
	if list, err := b.Targets(nil); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

func TestTheKindOfAllResults(t *testing.T) {
	pass := flash.JobDone{Result: flash.Pass}
	failed := func(c flash.Class, step string) flash.JobDone {
		return flash.JobDone{Result: flash.Fail, Class: c, Step: step}
	}
	for _, test := range []struct {
		results []flash.JobDone
		want    problem.Kind
	}{
		{[]flash.JobDone{pass, failed(flash.ClassDevice, "x")}, problem.Failed},
		{[]flash.JobDone{failed(flash.ClassCable, "x"), failed(flash.ClassImage, "x")}, problem.Failed},
		{[]flash.JobDone{pass, failed(flash.ClassCable, "x")}, problem.Bench},
		{[]flash.JobDone{failed(flash.ClassTimeout, "connect"), failed(flash.ClassCable, "connect")}, problem.NoDevice},
		{[]flash.JobDone{pass, failed(flash.ClassCable, "connect")}, problem.Bench},
		{[]flash.JobDone{failed(flash.ClassDevice, "x"), failed(flash.ClassBug, "x")}, problem.Internal},
		{[]flash.JobDone{failed(flash.ClassDevice, "x"), {Result: flash.Pass, NotDurable: true}}, problem.NotDurable},
		{[]flash.JobDone{failed(flash.ClassDevice, "x"), {Result: flash.Fail, Exhausted: true}}, problem.Identity},
	} {
		if got, ok := KindOf(test.results); !ok || got != test.want {
			t.Errorf("%+v: %v, %v; not %v", test.results, got, ok, test.want)
		}
	}
	for _, results := range [][]flash.JobDone{nil, {pass, {Result: flash.Compliant}}} {
		if kind, failed := KindOf(results); failed || ended(results) != nil {
			t.Errorf("%+v: %v", results, kind)
		}
	}
}
