//go:build linux

// This file makes the images: reproducible bytes, in the mixtures that partitions have.

package main

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
)

// images are the files that scenarios send.
type images struct {
	dir  string
	size int64
}

// make writes those that are not there yet: mixed is 40% zeros (written, not holes), 30%
// one repeated value, 30% random, in stretches of 16 KiB to 4 MiB; dense is random;
// small is mixed and below the max-download-size of 512 MiB.
func (im images) make() error {
	for name, f := range map[string]struct {
		size  int64
		dense bool
	}{"mixed.img": {im.size, false}, "dense.img": {im.size, true}, "small.img": {im.size * 3 / 8, false}} {
		if err := im.once(name, func(path string) error { return write(path, f.size, f.dense) }); err != nil {
			return err
		}
	}
	if err := im.once("mixed.simg",
		func(path string) error { return exec.Command("img2simg", im.path("mixed.img"), path).Run() }); err != nil {
		return err
	}
	return im.once("mixed.img.zst", func(path string) error {
		return exec.Command("zstd", "-q", "-3", "-o", path, im.path("mixed.img")).Run()
	})
}

func (im images) path(name string) string { return filepath.Join(im.dir, name) }

func (im images) once(name string, write func(path string) error) error {
	if _, err := os.Stat(im.path(name)); err == nil {
		return nil
	}
	part := im.path(name) + ".part"
	if err := write(part); err != nil {
		return err
	}
	return os.Rename(part, im.path(name))
}

func write(path string, size int64, dense bool) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w, r := bufio.NewWriterSize(f, 1<<20), rand.New(rand.NewPCG(5, uint64(size)))
	noise := rand.NewChaCha8([32]byte{5})
	buf := make([]byte, 4<<20)
	for at := int64(0); at < size; {
		n := min(size-at, 4096*(4+r.Int64N(1020)))
		part, kind := buf[:n], r.IntN(10)
		switch {
		case dense || kind >= 7:
			_, _ = noise.Read(part)
		case kind >= 4:
			value := byte(1 + r.IntN(255))
			for i := range part {
				part[i] = value
			}
		default:
			clear(part)
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		at += n
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
