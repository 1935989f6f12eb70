package disk

import "golang.org/x/sys/windows"

// Free returns the room for this user, in bytes.
func Free(dir string) (int64, error) {
	free, _, err := ask(dir)
	return free, err
}

// Size returns the size of the disk as this user may fill it, in bytes.
func Size(dir string) (int64, error) {
	_, size, err := ask(dir)
	return size, err
}

func ask(dir string) (free, size int64, err error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, 0, err
	}
	var f, s, all uint64
	err = windows.GetDiskFreeSpaceEx(name, &f, &s, &all)
	return int64(f), int64(s), err //nolint:gosec // no disk has 2^63 bytes
}
