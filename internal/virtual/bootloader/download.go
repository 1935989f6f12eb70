// This file is the download command.

package bootloader

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// receive takes the bytes that are to be flashed.
func (b *Bootloader) receive(ctx context.Context, l Link, hex string) error {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || n == 0 {
		return refusal("invalid size")
	}
	size := int64(n)
	if size > b.device.Config.MaxDownload {
		return refusal("data too large")
	}
	var count int
	b.device.Update(func(s *device.State) { s.Downloads++; count = s.Downloads })
	announced := size
	corrupt := false
	if f := b.device.Strike(device.Moment{Event: "download", Download: count}); f != nil {
		switch f.Kind {
		case "short":
			announced /= 2
		case "corrupt":
			corrupt = true
		default:
			if err := b.actOut(ctx, l, f); err != nil {
				return err
			}
		}
	}
	if b.download.store == nil {
		if b.download.store, err = b.device.OpenBuffer(); err != nil {
			return &storage.Error{Err: err}
		}
	}
	if err := l.Respond(fmt.Sprintf("DATA%08x", announced)); err != nil {
		return err
	}
	b.download.size = 0
	var sum hash.Hash
	if b.device.Config.Digests {
		sum = sha256.New()
	}
	buf := make([]byte, 256<<10)
	for done := int64(0); done < announced; {
		k, err := l.ReadData(buf[:min(int64(len(buf)), announced-done)])
		if err != nil {
			return err
		}
		if err := b.device.WaitWire(ctx, int64(k)); err != nil {
			return err
		}
		if _, err := b.download.store.WriteAt(buf[:k], done); err != nil {
			return &storage.Error{Err: err}
		}
		if sum != nil {
			sum.Write(buf[:k])
		}
		done += int64(k)
		b.device.Update(func(s *device.State) { s.Downloaded += int64(k) })
		if f := b.device.Strike(device.Moment{Event: "data", Download: count, Percent: 100 * float64(done) / float64(announced)}); f != nil {
			if f.Kind == "corrupt" {
				corrupt = true
			} else if err := b.actOut(ctx, l, f); err != nil {
				return err
			}
		}
	}
	b.download.size = announced
	if sum != nil {
		b.download.digest = [sha256.Size]byte(sum.Sum(nil))
	}
	if corrupt {
		return b.flipBit()
	}
	return nil
}

// flipBit changes one bit of what was downloaded.
func (b *Bootloader) flipBit() error {
	var one [1]byte
	at := b.download.size / 2
	if _, err := b.download.store.ReadAt(one[:], at); err != nil {
		return &storage.Error{Err: err}
	}
	one[0] ^= 0x10
	if _, err := b.download.store.WriteAt(one[:], at); err != nil {
		return &storage.Error{Err: err}
	}
	return nil
}
