package build

import (
	"runtime"
	"testing"
)

func TestWhatABuildSaysOfItself(t *testing.T) {
	for want, i := range map[string]Info{
		"zarya 1.2 (commit 0123456789ab, go1.26, linux/arm64)": {
			Version: "1.2", Commit: "0123456789abcdef", Go: "go1.26", OS: "linux", Arch: "arm64", USB: true, Virtual: true,
		},
		"zarya dev (go1.26, linux/amd64, without USB, without virtual tablets)": {
			Version: "dev", Go: "go1.26", OS: "linux", Arch: "amd64",
		},
	} {
		if got := i.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
	if i := Of(true, false); i.Version != Version() || i.Version == "" || i.Go != runtime.Version() || !i.USB || i.Virtual {
		t.Errorf("%+v", i)
	}
}
