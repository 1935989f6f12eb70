package bundle

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestApart takes a bundle to pieces, of a zip and of a folder, and opens it where the
// pieces lie; what is not there yet cannot be opened, and a changed image is found.
func TestApart(t *testing.T) {
	w := newWorkshop(t)
	for name, o := range map[string]Options{"zip": {}, "folder": {Folder: true}} {
		t.Run(name, func(t *testing.T) {
			b := w.build(t, name+".bundle", o)
			if err := b.Attach(nil); err == nil {
				t.Fatal("no signature was attached")
			}
			parts, err := b.Parts()
			if err != nil {
				t.Fatal(err)
			}
			dir, files := t.TempDir(), map[string]string{}
			for i, p := range parts {
				r, err := p.Open()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.Seek(p.Size/2, io.SeekStart); err != nil {
					t.Error(err)
				}
				half, herr := io.ReadAll(r)
				_, serr := r.Seek(0, io.SeekStart)
				text, err := io.ReadAll(r)
				if herr != nil || serr != nil || err != nil || int64(len(text)) != p.Size || !bytes.Equal(half, text[p.Size/2:]) {
					t.Fatalf("%s: %v %v %v, %d bytes", p.Name, herr, serr, err, len(text))
				}
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				files[p.Name] = filepath.Join(dir, string(rune('a'+i)))
				if err := os.WriteFile(files[p.Name], text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			released := 0
			again, err := Apart("elsewhere", b.Text(), nil, files, func() { released++ })
			if err != nil {
				t.Fatal(err)
			}
			if err := again.Verify(t.Context(), w.cache); err != nil {
				t.Error(err)
			}
			if err := again.Attach(nil); err == nil {
				t.Error("it was signed where it lies")
			}
			again.Close()
			if again.Close(); released != 1 {
				t.Errorf("released %d times", released)
			}
			bare, err := Apart("elsewhere", b.Text(), nil, nil, nil)
			if err != nil || bare.Verify(t.Context(), w.cache) == nil {
				t.Errorf("%v; images that are not there were verified", err)
			}
			bare.Close()
			if err := os.WriteFile(files["images/boot.img"], []byte("ANDROID!"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := again.Verify(t.Context(), w.cache); err == nil {
				t.Error("a changed image was verified")
			}
		})
	}
}
