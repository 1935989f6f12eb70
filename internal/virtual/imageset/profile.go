// This file writes the profile that comes with a set.

package imageset

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zarya-station/zarya/internal/virtual/device"
)

const profileText = `# What virtual tablets are made of, and made to be, with the images beside it.
zarya: 1
name: virtual
tablet: {models: [AGS2-L09, AGS3-L09, KOB2-W09, KOB-L09], lock: unlocked, battery: {min: 40, unknown: allow}}
images:
  vbmeta: {file: vbmeta.img, sha256: %s}
  boot: {file: boot.img, sha256: %s}
  system: {file: system.simg, sha256: %s}
  userdata: {file: userdata.simg, sha256: %s}
partitions: [vbmeta, boot, system, userdata]   # nothing else is ever written
flash:
  - erase: [userdata]
  - images: all
  - reboot: system
boot: {within: 3m}
ssh: {user: %s, password: %s, root: devel-su, root-password: %s, port: target}
vars:
  zone: {by: tablet.serial, map: {VT0002: Asia/Vladivostok, VT0005: Asia/Yekaterinburg}, default: Europe/Moscow}
provision:
  - hostname: "tab-{{ tablet.serial }}"
  - timezone: "{{ vars.zone }}"
  - file: {content: "model={{ tablet.model }} serial={{ tablet.serial }} zone={{ vars.zone }}",
      to: /etc/kiosk.conf, owner: root, mode: 0644}
  - exec: {argv: [/bin/true], changes: never}
checks:
  - {fact: os-release.ID, is: auroraos}
  - {fact: os-release.VERSION_ID, is: %s}
  - {fact: battery, min: 30}
  - {partition: system, digest: image}
`

// profile writes the set's profile, with the digests of its images.
func profile(s *Set, opt Options) error {
	var args []any
	for _, file := range []string{s.VBMeta, s.Boot, s.SystemSparse, s.UserdataSparse} {
		sum, err := digest(file)
		if err != nil {
			return err
		}
		args = append(args, sum)
	}
	l := device.DefaultLogin
	args = append(args, l.User, l.Password, l.RootPassword, opt.Version)
	text := fmt.Appendf(nil, profileText, args...)
	return os.WriteFile(s.Profile, text, 0o644) //nolint:gosec // no secret: everybody knows the virtual tablets' passwords
}

func digest(file string) (string, error) {
	f, err := os.Open(filepath.Clean(file))
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return fmt.Sprintf("%x", sum.Sum(nil)), errors.Join(err, f.Close())
}
