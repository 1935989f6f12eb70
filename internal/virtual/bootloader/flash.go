// This file is what changes partitions: flash, erase, and the lock.

package bootloader

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// flash writes the download onto a partition. With parallel-download-flash the answer to a
// sparse image comes before it is written, and a failure at the next command.
func (b *Bootloader) flash(ctx context.Context, l Link, name string) error {
	f := b.device.Config.Family
	full, room, ok := b.device.FullName(name)
	if fault := b.device.Strike(device.Moment{Event: "flash", Partition: full}); fault != nil {
		switch fault.Kind {
		case "corrupt":
			if b.download.size > 0 {
				if err := b.flipBit(); err != nil {
					return err
				}
			}
		case "deferred-fail":
			b.deferred = "write failure (deferred)"
			return nil
		case "garbage":
			if err := b.actOut(ctx, l, fault); err != nil {
				return err
			}
			return errAnswered
		default:
			if err := b.actOut(ctx, l, fault); err != nil {
				return err
			}
		}
	}
	switch {
	case b.device.State().Locked:
		return refusal(f.Locked)
	case b.device.Flaws().LowBattery:
		return refusal("low power, need battery charging")
	case b.download.size == 0:
		return refusal("no data downloaded")
	case !ok:
		return refusal(f.NoPartition)
	}
	var head [4]byte
	_, _ = b.download.store.ReadAt(head[:], 0) // a shorter download is not sparse
	sparse := b.download.size >= 28 && head == [4]byte{0x3a, 0xff, 0x26, 0xed}
	if sparse && b.device.Flaws().NoSparse {
		return refusal("unknown chunk type")
	}
	early := f.Parallel && sparse
	if early {
		if err := l.Respond("OKAY"); err != nil {
			return err
		}
	}
	err := b.write(ctx, full, room, sparse)
	var refused refusal
	if early && errors.As(err, &refused) {
		b.deferred, err = string(refused), nil
	}
	if early && err == nil {
		return errAnswered
	}
	return err
}

// write puts the download onto a partition.
func (b *Bootloader) write(ctx context.Context, name string, room int64, sparse bool) error {
	dst, _, err := b.device.Partition(name)
	if err == nil {
		err = b.prepareWrite(name)
	}
	if err != nil {
		return &storage.Error{Err: err}
	}
	written := b.download.size
	switch {
	case sparse:
		written, err = unsparse(dst, room, b.download.store, b.download.size, !b.device.Flaws().NoFill)
	case b.download.size > room:
		err = errTooLarge
	default:
		err = storage.Copy(dst, 0, b.download.store, 0, b.download.size)
	}
	switch {
	case errors.Is(err, errTooLarge):
		return refusal(b.device.Config.Family.TooLarge)
	case errors.Is(err, errSparse), errors.Is(err, errChunk), errors.Is(err, errCRC):
		return refusal(err.Error())
	case err != nil:
		return &storage.Error{Err: err}
	}
	if err := b.device.WaitStorage(ctx, written); err != nil {
		return err
	}
	b.device.Update(func(s *device.State) {
		s.Flashes = append(s.Flashes, device.Flash{Partition: name, Bytes: written, SHA256: b.download.digest})
	})
	return nil
}

// erase makes a partition zeros.
func (b *Bootloader) erase(name string) error {
	if b.device.State().Locked {
		return refusal(b.device.Config.Family.Locked)
	}
	dst, size, err := b.device.Partition(name)
	if errors.Is(err, device.ErrNoPartition) {
		return refusal(b.device.Config.Family.NoPartition)
	}
	if err == nil {
		err = errors.Join(dst.Zero(0, size), b.prepareWrite(name))
	}
	if err != nil {
		return &storage.Error{Err: err}
	}
	return nil
}

// prepareWrite lets the booted system forget what belonged to the old content of a
// partition.
func (b *Bootloader) prepareWrite(partition string) error {
	if device.IsPartition(partition, "system") || device.IsPartition(partition, "userdata") {
		return b.rewritten()
	}
	return nil
}

// oem answers the questions of the family, and unlocks.
func (b *Bootloader) oem(l Link, words string) (string, error) {
	if code, ok := strings.CutPrefix(words, "unlock "); ok && b.device.Config.UnlockCode != "" {
		b.device.Update(func(s *device.State) { s.Codes = append(s.Codes, code) })
		if code != b.device.Config.UnlockCode {
			return "", refusal("check password failed!")
		}
		b.device.Update(func(s *device.State) { s.Locked = false })
		return "", b.wipe()
	}
	answer, ok := b.device.Config.Family.OEM[words]
	if !ok {
		return "", refusal("invalid command")
	}
	lock := "unlocked"
	if b.device.State().Locked {
		lock = "locked"
	}
	answer = strings.NewReplacer("{lock}", lock, "{LOCK}", strings.ToUpper(lock), "{unlocked}",
		strconv.FormatBool(lock == "unlocked")).Replace(answer)
	lines := strings.Split(answer, "\n")
	for _, line := range lines[:len(lines)-1] {
		if err := l.Respond("INFO" + line); err != nil {
			return "", err
		}
	}
	return lines[len(lines)-1], nil
}

// flashing changes the lock.
func (b *Bootloader) flashing(l Link, what string) (string, error) {
	switch what {
	case "get_unlock_ability":
		return "", l.Respond("INFOget_unlock_ability: 1")
	case "unlock", "lock":
		b.device.Update(func(s *device.State) { s.Locked = what == "lock" })
		return "", b.wipe()
	}
	return "", refusal("unknown command")
}

// wipe is what a change of the lock does to the user's data.
func (b *Bootloader) wipe() error {
	dst, size, err := b.device.Partition("userdata")
	if err == nil {
		err = dst.Zero(0, size)
	}
	if err != nil {
		return &storage.Error{Err: err}
	}
	return nil
}
