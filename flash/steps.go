// This file has the steps that speak fastboot: flash an image, erase, reboot.

package flash

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zarya-station/zarya/flash/fastboot"
	"github.com/zarya-station/zarya/flash/image"
	"github.com/zarya-station/zarya/usb"
)

// WriteImage writes one image to one partition, or to its slots.
type WriteImage struct {
	Partition string
	Slot      string // "", current, other, all, a, b
	Image     *image.Image
	Policy    image.Policy
	Userspace bool // only fastbootd knows the partition
}

// Step is flash:PARTITION.
func (f WriteImage) Step() Step {
	return Step{Name: "flash:" + f.Partition, Needs: usb.Fastboot, Traits: Traits{Writes: true, Restartable: true},
		Partition: f.Partition, Image: &f, Check: f.check, Run: f.run}
}

// check asks whether the partition is there and large enough, and whether the
// image can be cut for this tablet.
func (f *WriteImage) check(ctx context.Context, s *Session) ([]Verdict, error) {
	if f.Userspace {
		there, err := s.link.client.IsUserspace(ctx)
		if err != nil || there != fastboot.Yes {
			return nil, err // checked when the tablet is there
		}
	}
	return f.fits(ctx, s)
}

// fits is check on a tablet that knows the partition.
func (f *WriteImage) fits(ctx context.Context, s *Session) ([]Verdict, error) {
	partitions, verdicts, err := slotted(ctx, s.link.client, f.Partition, f.Slot)
	if err != nil {
		return nil, err
	}
	if _, err := f.pieces(ctx, s); err != nil {
		return nil, err
	}
	for _, p := range partitions {
		size, err := s.link.client.PartitionSize(ctx, p)
		if err != nil {
			return nil, err
		}
		v := Verdict{Fact: "size of " + p, Answer: fastboot.Yes, Source: "getvar:partition-size:" + p}
		switch {
		case size == 0:
			v.Answer = fastboot.NotTold
		case f.Image.Size() > size:
			logical, err := s.link.client.IsLogical(ctx, p)
			if err != nil {
				return nil, err
			}
			if logical == fastboot.Yes {
				break // it is resized before it is written
			}
			v.Answer = fastboot.No
			v.Fail = failf(ClassImage, "use the image made for this model; nothing was written",
				"%s is %d bytes, the tablet's partition %s has %d", f.Image.Path(), f.Image.Size(), p, size)
		}
		verdicts = append(verdicts, v)
	}
	return verdicts, nil
}

// pieces is the image as this tablet takes it.
func (f *WriteImage) pieces(ctx context.Context, s *Session) (*image.Pieces, error) {
	limit, err := s.MaxDownload(ctx)
	if err != nil {
		return nil, err
	}
	form, err := image.Choose(f.Policy, f.Partition, f.Image, limit, false)
	if form == image.Sparse && s.tablet.noFill {
		form = image.RawChunks
	}
	if err == nil {
		var p *image.Pieces
		if p, err = f.Image.Pieces(limit, form); err == nil {
			return p, nil
		}
	}
	return nil, &Failure{Class: ClassImage, Message: err.Error(), Err: err, Hint: "see --sparse, and the tablet's max-download-size"}
}

// run sends the pieces, each followed by its own flash command. A bootloader that does
// not know a kind of chunk, or takes less in one download than it said, gets the image
// once more from its start, as it can take it.
func (f *WriteImage) run(ctx context.Context, s *Session) error {
	if f.Userspace {
		if err := f.arrived(ctx, s); err != nil {
			return err
		}
	}
	for {
		err := f.write(ctx, s)
		if err == nil || !f.adapts(ctx, s, err) {
			return err
		}
	}
}

// adapts reports whether the image can be sent in another form after a refusal.
func (f *WriteImage) adapts(ctx context.Context, s *Session, err error) bool {
	var remote *fastboot.RemoteError
	if !errors.As(err, &remote) {
		return false
	}
	switch remote.Meaning() {
	case fastboot.MeansNoChunk:
		if s.tablet.noFill {
			return false
		}
		s.tablet.noFill = true
		s.Warn(fmt.Sprintf("the bootloader says %q: the image is sent again in RAW chunks only", remote.Message), "")
		return true
	case fastboot.MeansTooMuch:
		if !s.sendLess(remote) {
			return false
		}
		_, err := f.pieces(ctx, s)
		return err == nil
	default:
		return false
	}
}

func (f *WriteImage) write(ctx context.Context, s *Session) error {
	partitions, _, err := slotted(ctx, s.link.client, f.Partition, f.Slot)
	if err != nil {
		return err
	}
	pieces, err := f.pieces(ctx, s)
	if err != nil {
		return err
	}
	copies := int64(len(partitions))
	p := Progress{Total: f.Image.Written() * copies, WireTotal: pieces.WireBytes() * copies}
	for _, partition := range partitions {
		if err := f.resize(ctx, s, partition); err != nil {
			return err
		}
		for i := range pieces.Len() {
			if err := s.Stopping(); err != nil {
				return err
			}
			piece := pieces.At(i)
			if err := f.send(ctx, s, partition, piece, p); err != nil {
				return err
			}
			p.Done += piece.Expanded()
			p.WireDone += piece.Size()
			s.Progress(p)
		}
		last := pieces.At(pieces.Len() - 1)
		if err := s.link.client.Settle(ctx, "flash:"+partition, last.Expanded()); err != nil {
			return err
		}
		if err := f.compare(ctx, s, partition); err != nil {
			return err
		}
	}
	return nil
}

// arrived makes up, in fastbootd, for the checks that the bootloader could not answer.
func (f *WriteImage) arrived(ctx context.Context, s *Session) error {
	there, err := s.link.client.IsUserspace(ctx)
	if err != nil {
		return err
	}
	if there != fastboot.Yes {
		return failf(ClassDevice, "does this model have userspace fastboot? leave @fastbootd out if not",
			"the tablet does not say that it is in fastbootd, where %s is written", f.Partition)
	}
	verdicts, err := f.fits(ctx, s)
	for _, v := range verdicts {
		if err == nil && v.Answer == fastboot.No {
			err = v.Fail
		}
	}
	return err
}

// send moves one piece; raw bytes are reported in proportion to those on the wire.
func (f *WriteImage) send(ctx context.Context, s *Session, partition string, piece image.Piece, p Progress) error {
	var sent int64
	progress := func(n int) {
		sent += int64(n)
		now := p
		now.WireDone += sent
		now.Done += int64(float64(piece.Expanded()) * float64(sent) / float64(piece.Size()))
		if now.WireDone < now.WireTotal {
			s.Progress(now)
		}
	}
	if err := s.download(ctx, piece, p.WireTotal-p.WireDone, progress); err != nil {
		return err
	}
	return s.link.client.Flash(ctx, partition, piece.Expanded())
}

// resize makes a logical partition large enough, as AOSP's client does.
func (f *WriteImage) resize(ctx context.Context, s *Session, partition string) error {
	size, err := s.link.client.PartitionSize(ctx, partition)
	if err != nil || size == 0 || f.Image.Size() <= size {
		return err
	}
	logical, err := s.link.client.IsLogical(ctx, partition)
	if err != nil || logical != fastboot.Yes {
		return err
	}
	return s.link.client.ResizeLogical(ctx, partition, f.Image.Size())
}

// Erase empties one partition.
type Erase struct{ Partition, Slot string }

// Step is erase:PARTITION. Erasing twice is erasing; but an erase that may still be
// running is not begun again: see stillErasing.
func (e Erase) Step() Step {
	return Step{Name: "erase:" + e.Partition, Needs: usb.Fastboot, Traits: Traits{Writes: true, Restartable: true},
		Partition: e.Partition, Check: e.check, Run: e.run}
}

// check finds the slots.
func (e *Erase) check(ctx context.Context, s *Session) ([]Verdict, error) {
	_, verdicts, err := slotted(ctx, s.link.client, e.Partition, e.Slot)
	return verdicts, err
}

// run erases.
func (e *Erase) run(ctx context.Context, s *Session) error {
	partitions, _, err := slotted(ctx, s.link.client, e.Partition, e.Slot)
	if err != nil {
		return err
	}
	for _, p := range partitions {
		size, err := s.link.client.PartitionSize(ctx, p)
		if err != nil {
			return err
		}
		known, _ := usb.Known(s.tablet.key.Product)
		if err := s.link.client.Erase(ctx, p, size, known.Erase); err != nil {
			return err
		}
		if err := s.link.client.Settle(ctx, "erase:"+p, 0); err != nil {
			return err
		}
	}
	return nil
}

// Reboot sends the tablet to a mode and does not wait for it.
type Reboot struct{ Mode string }

// Step is reboot:MODE.
func (r Reboot) Step() Step {
	return Step{Name: "reboot:" + r.Mode, Needs: usb.Fastboot, Traits: Traits{Reboots: true}, Check: r.check, Run: r.run}
}

// check refuses a mode that is not known.
func (r *Reboot) check(context.Context, *Session) ([]Verdict, error) {
	for _, m := range fastboot.RebootModes {
		if r.Mode == m {
			return nil, nil
		}
	}
	return nil, failf(ClassProfile, "choose one of "+strings.Join(fastboot.RebootModes, ", "), "there is no mode %q to reboot to", r.Mode)
}

// run sends it.
func (r *Reboot) run(ctx context.Context, s *Session) error {
	if err := s.link.client.Reboot(ctx, r.Mode); err != nil {
		return fmt.Errorf("reboot to %s: %w", r.Mode, err)
	}
	return nil
}
