// This file is the partitions of a device: their names, sizes and stores.

package device

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"

	"github.com/zarya-station/zarya/internal/virtual/storage"
)

// ErrNoPartition means that there is no partition of that name.
var ErrNoPartition = errors.New("no such partition")

// ErrPartitionExists means that there is a partition of that name.
var ErrPartitionExists = errors.New("the partition exists")

// FullName returns the full name of a partition and its size in bytes. Without a slot, the
// active one is meant.
func (d *Device) FullName(name string) (full string, size int64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fullName(name)
}

func (d *Device) fullName(name string) (full string, size int64, ok bool) {
	if size, ok := d.sizes[name]; ok {
		return name, size, true
	}
	if d.state.Slot != "" && slices.Contains(Slotted, name) {
		name += "_" + d.state.Slot
	}
	size, ok = d.sizes[name]
	return name, size, ok
}

// Partition opens a partition and returns its size in bytes, or ErrNoPartition. Without a
// slot, the active one is meant.
func (d *Device) Partition(name string) (storage.Store, int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	full, size, ok := d.fullName(name)
	if !ok {
		return nil, 0, ErrNoPartition
	}
	if s := d.open[full]; s != nil {
		return s, size, nil
	}
	s := storage.NewMemory()
	if d.Config.Dir != "" {
		var err error
		if s, err = storage.OpenFile(filepath.Join(d.Config.Dir, d.Config.Serial, full+".img"), size); err != nil {
			return nil, 0, err
		}
	}
	d.open[full] = s
	return s, size, nil
}

// PartitionSizes returns the sizes of all partitions by their full names.
func (d *Device) PartitionSizes() map[string]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.sizes)
}

// CreatePartition makes a partition of size bytes.
func (d *Device) CreatePartition(name string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	full, _, ok := d.fullName(name)
	if ok {
		return ErrPartitionExists
	}
	d.sizes[full] = size
	return nil
}

// ResizePartition changes the size of a partition. Its content stays.
func (d *Device) ResizePartition(name string, size int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	full, _, ok := d.fullName(name)
	if !ok {
		return ErrNoPartition
	}
	if s := d.open[full]; s != nil && storage.IsFile(s) { // opened again with its new size
		_ = s.Close()
		delete(d.open, full)
	}
	d.sizes[full] = size
	return nil
}

// DeletePartition deletes a partition.
func (d *Device) DeletePartition(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	full, _, ok := d.fullName(name)
	if !ok {
		return ErrNoPartition
	}
	if s := d.open[full]; s != nil {
		_ = s.Close()
		delete(d.open, full)
	}
	delete(d.sizes, full)
	return nil
}

// OpenBuffer opens an empty store for a download.
func (d *Device) OpenBuffer() (storage.Store, error) {
	if d.Config.Dir == "" {
		return storage.NewMemory(), nil
	}
	return storage.OpenBuffer(d.Config.Dir)
}

// Close closes the files of the partitions. They are opened again when they are used.
func (d *Device) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, s := range d.open {
		if storage.IsFile(s) {
			_ = s.Close()
			delete(d.open, name)
		}
	}
}
