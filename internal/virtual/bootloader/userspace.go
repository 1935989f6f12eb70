// This file is the commands that only AOSP's fastbootd has.

package bootloader

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/zarya-station/zarya/internal/virtual/device"
	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// userspace has the commands of AOSP's fastbootd.
func (b *Bootloader) userspace(l Link, verb, arg string) (string, error) {
	args := strings.Split(arg, ":")
	switch verb {
	case "fetch":
		return "", b.fetch(l, args)
	case "create-logical-partition", "resize-logical-partition":
		if len(args) != 2 {
			return "", refusal("invalid arguments")
		}
		size, err := strconv.ParseInt(args[1], 0, 64)
		if err != nil || size < 0 || size > 1<<44 {
			return "", refusal("invalid size")
		}
		if verb == "create-logical-partition" {
			return "", answerChange(b.device.CreatePartition(args[0], size))
		}
		return "", answerChange(b.device.ResizePartition(args[0], size))
	case "delete-logical-partition":
		return "", answerChange(b.device.DeletePartition(arg))
	case "update-super":
		if b.download.size == 0 {
			return "", refusal("no data downloaded")
		}
		return "", nil
	case "snapshot-update":
		if arg != "cancel" && arg != "merge" {
			return "", refusal("invalid arguments")
		}
		return "", nil
	}
	return "", refusal("unknown command")
}

// answerChange turns what came of a change of partitions into an answer.
func answerChange(err error) error {
	if errors.Is(err, device.ErrNoPartition) || errors.Is(err, device.ErrPartitionExists) {
		return refusal("partition exists or does not exist")
	}
	return err
}

// fetch sends a part of a partition to the host.
func (b *Bootloader) fetch(l Link, args []string) error {
	s, room, err := b.device.Partition(args[0])
	if errors.Is(err, device.ErrNoPartition) {
		return refusal(b.device.Config.Family.NoPartition)
	} else if err != nil {
		return &storage.Error{Err: err}
	}
	off, size := int64(0), room
	if len(args) > 1 {
		if off, err = strconv.ParseInt(args[1], 0, 64); err != nil || off < 0 || off > room {
			return refusal("invalid offset")
		}
		size = room - off
	}
	if len(args) > 2 {
		if size, err = strconv.ParseInt(args[2], 0, 64); err != nil || size < 0 || size > room-off {
			return refusal("invalid size")
		}
	}
	if size > 1<<24 {
		return refusal("larger than max-fetch-size")
	}
	if err := l.Respond(fmt.Sprintf("DATA%08x", size)); err != nil {
		return err
	}
	buf := make([]byte, min(size, 256<<10))
	for ; size > 0; size -= int64(len(buf)) {
		buf = buf[:min(size, int64(len(buf)))]
		if _, err := s.ReadAt(buf, off); err != nil {
			return &storage.Error{Err: err}
		}
		if err := l.WriteData(buf); err != nil {
			return err
		}
		off += int64(len(buf))
	}
	return nil
}
