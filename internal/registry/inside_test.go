package registry

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// TestStayEncrypted follows redirections, but not out of TLS and not without end.
func TestStayEncrypted(t *testing.T) {
	request := func(scheme string) *http.Request { return &http.Request{URL: &url.URL{Scheme: scheme, Host: "reg"}} }
	for _, test := range []struct {
		from, to string
		hops     int
		good     bool
	}{{"https", "https", 1, true}, {"http", "http", 1, true}, {"http", "https", 1, true}, {"https", "http", 1, false},
		{"https", "https", 6, false}} {
		var via []*http.Request
		for range test.hops {
			via = append(via, request(test.from))
		}
		if err := stayEncrypted(request(test.to), via); (err == nil) != test.good {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// TestTenths tells of every tenth of a large blob, once, and of none of a small one.
func TestTenths(t *testing.T) {
	said := 0
	c := &Client{Say: func(format string, args ...any) {
		said++
		if words := fmt.Sprintf(format, args...); said == 1 && words != "system.img: 100 MB of 1.00 GB done" {
			t.Error(words)
		}
	}}
	for _, size := range []int64{1e9, 1e8} {
		to := &tenths{c: c, l: layer{name: "system.img", size: size}}
		for range 10_000 {
			if n, err := to.Write(make([]byte, size/10_000)); err != nil || int64(n) != size/10_000 {
				t.Fatal(n, err)
			}
		}
	}
	if said != 9 {
		t.Errorf("said %d times", said)
	}
}
