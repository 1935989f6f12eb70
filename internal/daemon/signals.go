// This file is what a station does at signals.

package daemon

import (
	"github.com/zarya-station/zarya/internal/signals"
	"github.com/zarya-station/zarya/internal/station"
)

// Obey carries out what signals ask for, until stop: the first SIGTERM or ^C lets running
// jobs end, SIGHUP reads profiles and bundles again.
func (d *Daemon) Obey(s *signals.Signals) (stop func()) {
	ended, told := make(chan struct{}), make(chan struct{})
	reload := make(chan struct{}, 1)
	s.OnHangup(func() {
		select {
		case reload <- struct{}{}:
		default: // one is due already
		}
	})
	go func() {
		defer close(told)
		drain := s.Drain()
		for {
			select {
			case <-reload:
				if err := d.Station.Do(s.Context(), station.Order{Do: station.OrderReload, Machine: true}); err != nil {
					d.o.Warn("the old profiles and bundles stay: %v", err)
				}
			case <-drain:
				drain = nil
				_ = d.Station.Do(s.Context(), station.Order{Do: station.OrderStop, Machine: true}) // never fails
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-told
		s.OnHangup(nil)
	}
}
