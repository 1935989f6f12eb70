// This file is the bootloader: it reads commands and answers them.

package virtual

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stallFor is how long a stalled tablet reads nothing; longer than any host's
// patience with silence in a data phase. After that it reads and says nothing.
const stallFor = 45 * time.Second

// refusal is a FAIL; the session goes on.
type refusal string

func (r refusal) Error() string { return string(r) }

// session answers one host until the connection ends, the tablet leaves, or its
// storage fails.
func (t *Tablet) session(ctx context.Context, l link) error {
	for {
		cmd, err := l.ReadCommand()
		if err != nil {
			return err
		}
		t.set(func(s *State) { s.Commands++ })
		t.config.Log("%s", cmd)
		if t.deferred != "" {
			text := t.deferred
			t.deferred = ""
			if err := l.Respond("FAIL" + text); err != nil {
				return err
			}
			continue
		}
		text, err := t.command(ctx, l, cmd)
		var refused refusal
		var gone *leave
		switch {
		case errors.As(err, &refused):
			text = "FAIL" + clip(string(refused))
		case errors.As(err, &gone) && gone.mode != "unplugged":
			t.leaving(gone)
			if err := l.Respond("OKAY"); err != nil {
				return err
			}
			return gone
		case err != nil:
			return err
		default:
			text = "OKAY" + clip(text)
		}
		if text == "OKAY"+answered {
			continue
		}
		if err := l.Respond(text); err != nil {
			return err
		}
	}
}

// answered is what a command returns that gave its answer itself.
const answered = "\x00answered"

func clip(s string) string { return s[:min(len(s), 252)] }

func (t *Tablet) command(ctx context.Context, l link, cmd string) (string, error) {
	verb, arg, _ := strings.Cut(cmd, ":")
	switch verb {
	case "getvar":
		return t.getvar(l, arg)
	case "download":
		return "", t.receive(ctx, l, arg)
	case "flash":
		return t.flash(ctx, l, arg)
	case "erase":
		return "", t.erase(arg)
	case "boot":
		if t.download.store == nil {
			return "", refusal("no boot image")
		}
		return "", t.reboot("system")
	case "continue", "reboot":
		return "", t.reboot("system")
	case "reboot-bootloader":
		return "", t.reboot("fastboot")
	case "reboot-fastboot":
		if !t.config.Family.Slots {
			return "", refusal("unknown command")
		}
		return "", t.reboot("fastbootd")
	case "reboot-recovery":
		return "", t.reboot("system")
	case "powerdown":
		return "", t.reboot("off")
	case "set_active":
		if t.State().Slot == "" || arg != "a" && arg != "b" {
			return "", refusal("slot does not exist")
		}
		t.set(func(s *State) { s.Slot = arg })
		return "", nil
	}
	if words, ok := strings.CutPrefix(cmd, "oem "); ok {
		return t.oem(l, words)
	}
	if what, ok := strings.CutPrefix(cmd, "flashing "); ok {
		return t.flashing(l, what)
	}
	if t.config.Family.Userspace {
		return t.userspace(l, verb, arg)
	}
	return "", refusal("unknown command")
}

// reboot answers OKAY and leaves.
func (t *Tablet) reboot(mode string) error {
	if f := t.strike(moment{event: "reboot"}); f != nil && f.Kind == "unplug" {
		return t.unplug(f)
	}
	return &leave{mode: mode, after: t.config.RebootTime, back: true}
}

func (t *Tablet) unplug(f *Fault) error {
	after, back := f.back()
	t.mu.Lock()
	defer t.mu.Unlock()
	return &leave{mode: "unplugged", after: after, back: back, port: f.port}
}

func (t *Tablet) locked() string {
	return map[bool]string{true: "locked", false: "unlocked"}[t.State().Locked]
}

// vars are all variables that the family tells, in order.
func (t *Tablet) vars() (names []string, values map[string]string) {
	f := t.config.Family
	st := t.State()
	t.mu.Lock()
	serial := t.serial
	t.mu.Unlock()
	values = map[string]string{
		"product": f.Product, "serialno": serial, "unlocked": map[bool]string{true: "no", false: "yes"}[st.Locked],
		"max-download-size": fmt.Sprintf(f.SizeFormat, t.config.MaxDownload),
	}
	names = []string{"product", "serialno", "unlocked", "max-download-size"}
	add := func(name, value string) {
		if _, ok := values[name]; !ok {
			names = append(names, name)
		}
		values[name] = value
	}
	for _, name := range slices.Sorted(mapKeys(f.Vars)) {
		add(name, f.Vars[name])
	}
	if t.lowBattery {
		add("battery-soc-ok", "no")
	}
	if f.Userspace {
		add("is-userspace", map[bool]string{true: "yes", false: "no"}[st.Mode == "fastbootd"])
	}
	if f.Slots {
		add("current-slot", st.Slot)
		add("slot-count", "2")
		for _, p := range slotted {
			add("has-slot:"+p, "yes")
		}
		for _, s := range []string{"a", "b"} {
			add("slot-successful:"+s, "yes")
			add("slot-unbootable:"+s, "no")
		}
	}
	for _, p := range t.partitionNames() {
		t.mu.Lock()
		size := t.sizes[p]
		t.mu.Unlock()
		add("partition-size:"+p, fmt.Sprintf("0x%x", size))
		add("partition-type:"+p, "raw")
		if f.Slots && !slices.Contains(slotted, strings.TrimSuffix(strings.TrimSuffix(p, "_a"), "_b")) {
			add("has-slot:"+p, "no")
		}
		if f.Userspace {
			is := slices.ContainsFunc(logical, func(l string) bool { return sameSlotless(p, l) })
			add("is-logical:"+p, map[bool]string{true: "yes", false: "no"}[is])
		}
	}
	return names, values
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (t *Tablet) getvar(l link, name string) (string, error) {
	f := t.config.Family
	if t.refuse || f.Refuses && !slices.Contains(f.Answers, name) {
		return "", refusal("Command not allowed")
	}
	names, values := t.vars()
	if name == "all" {
		for _, n := range names {
			if err := l.Respond("INFO" + clip(n+": "+values[n])); err != nil {
				return "", err
			}
		}
		return "", nil
	}
	value, ok := values[name]
	if kind, p, has := strings.Cut(name, ":"); !ok && has && f.Slots {
		if full, _, there := t.resolve(p); there {
			value, ok = values[kind+":"+full]
		}
	}
	if !ok {
		if text, fails := strings.CutPrefix(f.Unknown, "FAIL"); fails {
			return "", refusal(text)
		}
		return strings.TrimPrefix(f.Unknown, "OKAY"), nil
	}
	return value, nil
}

// receive is the download command.
func (t *Tablet) receive(ctx context.Context, l link, hex string) error {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || n == 0 {
		return refusal("invalid size")
	}
	size := int64(n)
	if size > t.config.MaxDownload {
		return refusal("data too large")
	}
	var count int
	t.set(func(s *State) { s.Downloads++; count = s.Downloads })
	announced := size
	corrupt := false
	if f := t.strike(moment{event: "download", download: count}); f != nil {
		switch f.Kind {
		case "short":
			announced /= 2
		case "corrupt":
			corrupt = true
		default:
			if err := t.suffer(ctx, l, f); err != nil {
				return err
			}
		}
	}
	if t.download.store == nil {
		if t.download.store, err = t.buffer(); err != nil {
			return &storageError{err}
		}
	}
	if err := l.Respond(fmt.Sprintf("DATA%08x", announced)); err != nil {
		return err
	}
	t.download.size = 0
	var sum hash.Hash
	if t.config.Digests {
		sum = sha256.New()
	}
	buf := make([]byte, 256<<10)
	for done := int64(0); done < announced; {
		k, err := l.ReadData(buf[:min(int64(len(buf)), announced-done)])
		if err != nil {
			return err
		}
		if err := errors.Join(t.wire.take(ctx, int64(k)), t.config.Bus.take(ctx, int64(k))); err != nil {
			return err
		}
		if _, err := t.download.store.WriteAt(buf[:k], done); err != nil {
			return &storageError{err}
		}
		if sum != nil {
			sum.Write(buf[:k])
		}
		done += int64(k)
		t.set(func(s *State) { s.Downloaded += int64(k) })
		if f := t.strike(moment{event: "data", download: count, percent: 100 * float64(done) / float64(announced)}); f != nil {
			if f.Kind == "corrupt" {
				corrupt = true
			} else if err := t.suffer(ctx, l, f); err != nil {
				return err
			}
		}
	}
	t.download.size = announced
	if sum != nil {
		t.download.digest = [sha256.Size]byte(sum.Sum(nil))
	}
	if corrupt {
		return t.flip()
	}
	return nil
}

// flip changes one bit of what was downloaded.
func (t *Tablet) flip() error {
	var b [1]byte
	at := t.download.size / 2
	if _, err := t.download.store.ReadAt(b[:], at); err != nil {
		return &storageError{err}
	}
	b[0] ^= 0x10
	if _, err := t.download.store.WriteAt(b[:], at); err != nil {
		return &storageError{err}
	}
	return nil
}

// suffer acts out a fault of the connection or of an answer.
func (t *Tablet) suffer(ctx context.Context, l link, f *Fault) error {
	switch f.Kind {
	case "unplug":
		return t.unplug(f)
	case "stall":
		if err := pause(ctx, stallFor); err != nil {
			return err
		}
		buf := make([]byte, 64<<10)
		for {
			if _, err := l.ReadData(buf); err != nil {
				return err
			}
		}
	case "fail":
		if f.Arg == "" {
			return refusal("remote failure")
		}
		return refusal(f.Arg)
	case "flood":
		for {
			if err := l.Respond("INFO" + strings.Repeat("~", 250)); err != nil {
				return err
			}
		}
	case "garbage":
		if err := l.Respond("INFO\x1b[2J\x1b]0;owned\x07\u202e\xff\x00text"); err != nil {
			return err
		}
		return l.Respond("OKAY" + strings.Repeat("\x1b[31m", 60))
	}
	return nil
}

func (t *Tablet) flash(ctx context.Context, l link, name string) (string, error) {
	f := t.config.Family
	full, room, ok := t.resolve(name)
	if fault := t.strike(moment{event: "flash", partition: full}); fault != nil {
		switch fault.Kind {
		case "corrupt":
			if t.download.size > 0 {
				if err := t.flip(); err != nil {
					return "", err
				}
			}
		case "deferred-fail":
			t.deferred = "write failure (deferred)"
			return "", nil
		case "garbage":
			return answered, t.suffer(ctx, l, fault)
		default:
			if err := t.suffer(ctx, l, fault); err != nil {
				return "", err
			}
		}
	}
	switch {
	case t.State().Locked:
		return "", refusal(f.Locked)
	case t.lowBattery:
		return "", refusal("low power, need battery charging")
	case t.download.size == 0:
		return "", refusal("no data downloaded")
	case !ok:
		return "", refusal(f.NoPartition)
	}
	var head [4]byte
	_, _ = t.download.store.ReadAt(head[:], 0) // a shorter download is not sparse
	sparse := t.download.size >= 28 && head == [4]byte{0x3a, 0xff, 0x26, 0xed}
	if sparse && t.noSparse {
		return "", refusal("unknown chunk type")
	}
	early := f.Parallel && sparse
	if early {
		if err := l.Respond("OKAY"); err != nil {
			return "", err
		}
	}
	err := t.write(ctx, full, room, sparse)
	var refused refusal
	if early && errors.As(err, &refused) {
		t.deferred, err = string(refused), nil
	}
	if early {
		return answered, err
	}
	return "", err
}

// write puts the download onto a partition.
func (t *Tablet) write(ctx context.Context, name string, room int64, sparse bool) error {
	dst, _, err := t.lookup(name)
	if err == nil {
		err = t.forget(name)
	}
	if err != nil {
		return &storageError{err}
	}
	written := t.download.size
	switch {
	case sparse:
		written, err = unsparse(dst, room, t.download.store, t.download.size, !t.noFill)
	case t.download.size > room:
		err = errTooLarge
	default:
		err = copyRange(dst, 0, t.download.store, 0, t.download.size)
	}
	switch {
	case errors.Is(err, errTooLarge):
		return refusal(t.config.Family.TooLarge)
	case errors.Is(err, errSparse), errors.Is(err, errChunk), errors.Is(err, errCRC):
		return refusal(err.Error())
	case err != nil:
		return &storageError{err}
	}
	if err := t.store.take(ctx, written); err != nil {
		return err
	}
	t.set(func(s *State) {
		s.Flashes = append(s.Flashes, Flash{Partition: name, Bytes: written, SHA256: t.download.digest})
	})
	return nil
}

func (t *Tablet) erase(name string) error {
	if t.State().Locked {
		return refusal(t.config.Family.Locked)
	}
	dst, size, err := t.lookup(name)
	if errors.Is(err, errNoPartition) {
		return refusal(t.config.Family.NoPartition)
	}
	if err == nil {
		err = errors.Join(dst.Zero(0, size), t.forget(name))
	}
	if err != nil {
		return &storageError{err}
	}
	return nil
}

// forget empties the overlay where what lies under it is written anew.
func (t *Tablet) forget(partition string) error {
	if sameSlotless(partition, "system") || sameSlotless(partition, "userdata") {
		return t.root.reset()
	}
	return nil
}

func (t *Tablet) oem(l link, words string) (string, error) {
	if code, ok := strings.CutPrefix(words, "unlock "); ok && t.config.UnlockCode != "" {
		t.set(func(s *State) { s.Codes = append(s.Codes, code) })
		if code != t.config.UnlockCode {
			return "", refusal("check password failed!")
		}
		t.set(func(s *State) { s.Locked = false })
		return "", t.wipe()
	}
	answer, ok := t.config.Family.OEM[words]
	if !ok {
		return "", refusal("invalid command")
	}
	lock := t.locked()
	answer = strings.NewReplacer("{lock}", lock, "{LOCK}", strings.ToUpper(lock), "{unlocked}", strconv.FormatBool(lock == "unlocked")).Replace(answer)
	lines := strings.Split(answer, "\n")
	for _, line := range lines[:len(lines)-1] {
		if err := l.Respond("INFO" + line); err != nil {
			return "", err
		}
	}
	return lines[len(lines)-1], nil
}

func (t *Tablet) flashing(l link, what string) (string, error) {
	switch what {
	case "get_unlock_ability":
		return "", l.Respond("INFOget_unlock_ability: 1")
	case "unlock", "lock":
		t.set(func(s *State) { s.Locked = what == "lock" })
		return "", t.wipe()
	}
	return "", refusal("unknown command")
}

// wipe is what a change of the lock does to the user's data.
func (t *Tablet) wipe() error {
	dst, size, err := t.lookup("userdata")
	if err == nil {
		err = dst.Zero(0, size)
	}
	if err != nil {
		return &storageError{err}
	}
	return nil
}

// userspace has the commands of AOSP's fastbootd.
func (t *Tablet) userspace(l link, verb, arg string) (string, error) {
	args := strings.Split(arg, ":")
	switch verb {
	case "fetch":
		return "", t.fetch(l, args)
	case "create-logical-partition", "resize-logical-partition":
		if len(args) != 2 {
			return "", refusal("invalid arguments")
		}
		size, err := strconv.ParseInt(args[1], 0, 64)
		if err != nil || size < 0 || size > 1<<44 {
			return "", refusal("invalid size")
		}
		return "", t.resize(args[0], size, verb[0] == 'c')
	case "delete-logical-partition":
		return "", t.resize(arg, -1, false)
	case "update-super":
		if t.download.size == 0 {
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

// resize makes, changes or (size -1) deletes a logical partition.
func (t *Tablet) resize(name string, size int64, create bool) error {
	full, _, there := t.resolve(name)
	t.mu.Lock()
	defer t.mu.Unlock()
	if there == create {
		return refusal("partition exists or does not exist")
	}
	if s := t.open[full]; s != nil {
		if _, file := s.(sparseFile); file || size < 0 {
			_ = s.Close()
			delete(t.open, full)
		}
	}
	if size < 0 {
		delete(t.sizes, full)
		return nil
	}
	t.sizes[full] = size
	return nil
}

func (t *Tablet) fetch(l link, args []string) error {
	s, room, err := t.lookup(args[0])
	if errors.Is(err, errNoPartition) {
		return refusal(t.config.Family.NoPartition)
	} else if err != nil {
		return &storageError{err}
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
			return &storageError{err}
		}
		if err := l.WriteData(buf); err != nil {
			return err
		}
		off += int64(len(buf))
	}
	return nil
}
