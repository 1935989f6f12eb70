// This file sends a piece of an image when admission says that its wire is free.

package flash

import (
	"context"
	"time"

	"github.com/zarya-station/zarya/flash/admission"
	"github.com/zarya-station/zarya/flash/image"
)

// download sends a piece when it is its turn. left is what the image still has on the wire,
// the piece included.
func (s *Session) download(ctx context.Context, piece image.Piece, left int64, progress func(n int)) error {
	client := s.link.client
	m := s.joinWire()
	wait, cancel := s.untilStop(ctx)
	err := m.Begin(wait, admission.Download{Left: left, Delivered: client.Delivered}, func() {
		if !s.account.waited {
			s.account.waited = true
			s.emit(Waiting{For: "admission", Hint: "tablets before it use the same wire"})
		}
	})
	cancel()
	if err != nil {
		return err
	}
	defer m.End()
	sent := func(n int) {
		m.Sent(n)
		s.account.times.wireBytes += int64(n)
		progress(n)
	}
	start := time.Now()
	defer func() { s.account.times.wire += time.Since(start) }()
	return client.DownloadPaced(ctx, piece, sent, func() int64 { return m.Pace(ctx) })
}

// joinWire makes the job a member of admission, once.
func (s *Session) joinWire() *admission.Member {
	if s.link.wire == nil {
		uplink := ""
		if u, ok := s.job.Target.(Uplinked); ok {
			uplink = u.Uplink()
		}
		s.link.wire = s.engine.o.Admission.Join(int64(s.order), s.job.Target.Where().Label(), uplink)
	}
	return s.link.wire
}

// leaveWire ends that.
func (s *Session) leaveWire() {
	if s.link.wire != nil {
		s.link.wire.Leave()
	}
}
