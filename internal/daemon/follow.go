// This file shows what followers of tags say.

package daemon

import (
	"context"
	"sync"

	"github.com/zarya-station/zarya/internal/registry/follow"
	"github.com/zarya-station/zarya/internal/station"
)

// heard shows the news of one follower: what is coming while it comes, and what is wrong
// until it is right again; once it is a warning too.
func (d *Daemon) heard() func(follow.News) {
	warned := ""
	return func(n follow.News) {
		key := map[follow.Stage]string{follow.Coming: "follow-coming", follow.Taking: "follow-coming",
			follow.Refused: "follow-refused", follow.Away: "follow-away"}[n.Stage]
		if key == "" {
			warned = ""
			d.Station.Announce("follow "+n.Tag.String(), nil)
			return
		}
		d.Station.Announce("follow "+n.Tag.String(), &station.Notice{Key: key, Words: n.String()})
		if n.Problem != nil && warned != n.String() {
			warned = n.String()
			d.o.Warn("following %s: %s; the old bundle goes on", n.Tag, warned)
		}
	}
}

// follow looks at the tags until ctx ends.
func (d *Daemon) follow(ctx context.Context, all *sync.WaitGroup) {
	for _, f := range d.o.Follow {
		all.Go(func() { f.Run(ctx) })
	}
}
