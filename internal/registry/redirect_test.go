package registry

import (
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
	}{{"https", "https", 1, true}, {"http", "http", 1, true}, {"http", "https", 1, true}, {"https", "http", 1, false}, {"https", "https", 6, false}} {
		var via []*http.Request
		for range test.hops {
			via = append(via, request(test.from))
		}
		if err := stayEncrypted(request(test.to), via); (err == nil) != test.good {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
