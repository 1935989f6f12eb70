package target

import "testing"

func FuzzParseNetwork(f *testing.F) {
	for _, s := range []string{"tcp:10.0.0.5", "udp:[::1]:5554", "tcp:LOCALHOST:1", "usb:1-1.3", "VT0001", "tcp::5", "tcp:a b", "tcp:[::1", "port:A3", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseNetwork(s)
		if err != nil {
			return
		}
		again, err := ParseNetwork(n.String())
		if err != nil || again != n {
			t.Fatalf("%q is %v, which is %v (%v)", s, n, again, err)
		}
	})
}
