package disk

import "golang.org/x/sys/windows"

func look(dir string) (Room, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return Room{Dir: dir}, err
	}
	var free, size, all uint64
	err = windows.GetDiskFreeSpaceEx(name, &free, &size, &all)
	return Room{Dir: dir, Free: int64(free), Size: int64(size)}, err //nolint:gosec // no disk has 2^63 bytes
}
