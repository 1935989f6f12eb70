package bytesize

import "testing"

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "1": 1, "40MB": 40e6, "64MiB": 64 << 20, "64M": 64 << 20, "64m": 64 << 20, "1.5GiB": 3 << 29, "10kB/s": 10e3, "2G": 2 << 30,
		" 7 B ": 7} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: %d %v", text, got, err)
		}
	}
	for _, text := range []string{"fast", "-1", "0", "1e30", "NaN", "Inf", "1 2", "MB", "0x10"} {
		if n, err := Parse(text); err == nil {
			t.Errorf("%q is %d", text, n)
		}
	}
}

func TestText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1_500_000: "2 MB", 64 << 20: "67 MB",
		4_100_000_000: "4.10 GB"} {
		if got := Text(n); got != want {
			t.Errorf("%d: %q, not %q", n, got, want)
		}
	}
}
