package station

import "time"

// SetWall gives a station another clock on its wall, before it runs.
func (s *Station) SetWall(wall func(time.Time) time.Time) { s.wall = wall }
