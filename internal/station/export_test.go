package station

import "time"

// SetWall gives a station another clock on its wall.
func (o *Options) SetWall(wall func(time.Time) time.Time) { o.wall = wall }
