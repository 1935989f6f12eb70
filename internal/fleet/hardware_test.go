package fleet

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

// A machine's parts are known again one by one; what has a tablet's address, or none of its own, is
// no part of it.
func TestMarksOfAMachine(t *testing.T) {
	made := func(files map[string]string) marks {
		t.Helper()
		root := t.TempDir()
		for path, text := range files {
			at := filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cards, _ := filepath.Glob(filepath.Join(root, "sys/devices/*/*/net/*"))
		for _, card := range cards { // as the kernel has them
			class := filepath.Join(root, "sys/class/net")
			if err := os.MkdirAll(class, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(card, filepath.Join(class, filepath.Base(card))); err != nil {
				t.Fatal(err)
			}
		}
		return marksOf(root)
	}
	type files map[string]string
	with := func(all ...files) files {
		f := files{}
		for _, more := range all {
			maps.Copy(f, more)
		}
		return f
	}
	card := func(at, number, assigned string) files {
		return files{"sys/devices/" + at + "/address": "52:54:00:00:00:" + number + "\n", "sys/devices/" + at + "/addr_assign_type": assigned}
	}
	board := func(uuid string) files { return files{"sys/class/dmi/id/product_uuid": uuid + "\n"} }
	const dell, hp = "4C4C4544-0031-3510-8054-B8C04F4E3332", "31393735-3238-5A43-3232-313330424A4B"
	const many = "03000200-0400-0500-0006-000700080009"
	eth := "pci0/00:3/net/eth0"
	id, other := files{"etc/machine-id": "aaaa\n"}, files{"etc/machine-id": "bbbb\n"}
	for what, c := range map[string]struct {
		then, now files
		isOther   bool
	}{
		"the same":                {with(id, board(dell)), with(id, board(dell)), false},
		"a copied disk":           {with(id, card(eth, "01", "0")), with(id, card(eth, "02", "0")), true},
		"another board":           {with(id, board(dell)), with(id, board(hp)), true},
		"a system installed anew": {with(id, card(eth, "01", "0")), with(other, card(eth, "01", "0")), false},
		"a card replaced":         {with(board(dell), card(eth, "01", "0")), with(board(dell), card(eth, "02", "0")), false},
		"a user who sees less":    {with(board(dell), card(eth, "01", "0")), card(eth, "01", "0"), false},
		"a number that many have": {with(id, board(many)), with(other, board(many)), true},
		"no hardware":             {id, other, true},
		"nothing is known now":    {with(id, board(dell)), nil, false},
		"nothing was known then":  {nil, with(id, board(dell)), false},
		"a bridge":                {with(id, card("virtual/x/net/br0", "01", "0")), with(id, card("virtual/x/net/br0", "02", "0")), false},
		"a tablet's card":         {with(id, card("pci0/usb1/net/usb0", "01", "0")), with(id, card("pci0/usb1/net/usb0", "02", "0")), false},
		"an address by chance":    {with(id, card(eth, "01", "3")), with(id, card(eth, "02", "3")), false},
	} {
		if got := made(c.then).isOther(made(c.now)); got != c.isOther {
			t.Errorf("%s: another machine: %v, then %+v, now %+v", what, got, made(c.then), made(c.now))
		}
	}
}
