// This file has the stream of boards: it follows, keeps its pace, and is held up by nobody.

package page

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/station"
)

// stream reads boards.
func stream(t *testing.T, base string) (next func() string, res *http.Response) {
	t.Helper()
	res, err := http.DefaultClient.Do(request(t, http.MethodGet, base+"/events", ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func() string {
		var b strings.Builder
		for lines.Scan() {
			line := lines.Text()
			if line == "" && strings.Contains(b.String(), "event: board") {
				return b.String()
			}
			if line == "" {
				b.Reset()
				continue
			}
			b.WriteString(line + "\n")
		}
		return ""
	}, res
}

func TestEventsFollow(t *testing.T) {
	f := newStage(oneView())
	base := open(t, f, Options{})
	next, res := stream(t, base)
	if got := res.Header.Get("Content-Type"); !strings.HasPrefix(got, "text/event-stream") {
		t.Errorf("type %s", got)
	}
	if b := next(); !strings.Contains(b, "flash 63%") || strings.Contains(b, "<script>") {
		t.Errorf("the first board:\n%s", b)
	}
	for i := range 50 { // many changes at once: the last is shown
		f.set(func(v *station.View) { v.Hubs = percent(v.Hubs, i) })
	}
	for b := ""; !strings.Contains(b, "flash 49%"); {
		if b = next(); b == "" {
			t.Fatal("the stream ended")
		}
	}
	begun := time.Now()
	for i := range 4 { // each as soon as the one before was seen: the pace holds
		f.set(func(v *station.View) { v.Hubs = percent(v.Hubs, 50+i) })
		_ = next()
	}
	if took := time.Since(begun); took < 3*pace {
		t.Errorf("4 boards in %s", took)
	}
}

// percent is the hubs with another percentage in A2.
func percent(hubs []station.Hub, n int) []station.Hub {
	h := hubs[0]
	h.Ports = append([]station.Port(nil), h.Ports...)
	h.Ports[1].Percent = n
	return []station.Hub{h}
}

func TestAtMostSoManyStreams(t *testing.T) {
	base := open(t, newStage(oneView()), Options{})
	var refused int
	for range 2 * maxStreams {
		res, err := http.DefaultClient.Do(request(t, http.MethodGet, base+"/events", ""))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		if res.StatusCode == http.StatusServiceUnavailable {
			refused++
		}
	}
	if refused != maxStreams {
		t.Errorf("%d of %d streams were refused, want %d", refused, 2*maxStreams, maxStreams)
	}
	if res, _ := get(t, base+"/"); res.StatusCode != http.StatusOK {
		t.Errorf("the page itself: %s", res.Status)
	}
}

func TestSlowClientHoldsUpNobody(t *testing.T) {
	v := oneView()
	v.Actions = []station.Action{{Key: strings.Repeat("y", 16<<20)}} // more than a connection holds
	f := newStage(v)
	base := open(t, f, Options{})
	slow, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = slow.Close() }()
	_, _ = io.WriteString(slow, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if _, err := io.ReadFull(slow, make([]byte, 16)); err != nil { // and reads no more
		t.Fatal(err)
	}
	f.set(func(v *station.View) { v.Actions = []station.Action{{Key: "next"}} })
	next, _ := stream(t, base)
	_ = next()
	for i := range 5 {
		f.set(func(v *station.View) { v.Hubs = percent(v.Hubs, 90+i) })
		if b := next(); !strings.Contains(b, fmt.Sprintf("flash %d%%", 90+i)) {
			t.Fatalf("board %d did not come", i)
		}
	}
}
