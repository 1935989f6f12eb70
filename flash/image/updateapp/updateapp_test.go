package updateapp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// made is a file that testdata/make.py wrote.
func made(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	args := []string{"testdata/make.py", filepath.Join(dir, "UPDATE.APP")}
	for i, r := range records {
		path := filepath.Join(dir, r.name)
		if err := os.WriteFile(path, wanted(i, r.n), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, r.name+"="+path)
	}
	if said, err := exec.Command("python3", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	b, err := os.ReadFile(args[1])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wanted is the data of a record.
func wanted(i, n int) []byte {
	b := make([]byte, n)
	for k := range b {
		b[k] = byte(i*7 + k*k)
	}
	return b
}

var records = []struct {
	name string
	n    int
}{{"SHA256RSA", 256}, {"CRC", 5}, {"SYSTEM", 10007}, {"EMPTY", 0}, {"CUST", 4096}, {"ODD", 3}}

func TestCRC(t *testing.T) {
	if got := CRC([]byte("123456789")); got != 0x906e {
		t.Errorf("%04x", got)
	}
}

func TestRead(t *testing.T) {
	b := made(t)
	for name, source := range map[string]func() io.Reader{
		"seeking": func() io.Reader { return bytes.NewReader(b) },
		"stream":  func() io.Reader { return io.MultiReader(bytes.NewReader(b)) },
	} {
		for _, reading := range []string{"all", "none", "SYSTEM"} {
			t.Run(name+" "+reading, func(t *testing.T) {
				r := NewReader(source())
				for i, want := range records {
					h, err := r.Next()
					if err != nil {
						t.Fatal(err)
					}
					if h.Name != want.name || h.Size != int64(want.n) || h.Sequence != uint32(i) || h.Date != "2019.08.27" || h.Time != "12.34.56" ||
						h.BlockSize != 4096 {
						t.Errorf("%+v", h)
					}
					if reading != "all" && reading != h.Name {
						continue
					}
					got, err := io.ReadAll(r)
					if err != nil || !bytes.Equal(got, wanted(i, want.n)) {
						t.Errorf("%s: %d bytes, %v", h.Name, len(got), err)
					}
				}
				if _, err := r.Next(); !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			})
		}
	}
}

func readAll(b []byte) error {
	r := NewReader(bytes.NewReader(b))
	for {
		if _, err := r.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
	}
}

func TestRefuses(t *testing.T) {
	good := made(t)
	system := bytes.Index(good, []byte("SYSTEM")) - 60
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		says   string
	}{
		"a bit of the header":  {func(b []byte) []byte { b[system+20] ^= 1; return b }, "the CRC of the header"},
		"a bit of the data":    {func(b []byte) []byte { b[system+98+6+5000] ^= 1; return b }, "SYSTEM: the CRC of the block"},
		"a bit of a CRC":       {func(b []byte) []byte { b[system+98+1] ^= 1; return b }, "SYSTEM: the CRC of the block"},
		"cut in the data":      {func(b []byte) []byte { return b[:system+5000] }, "ends inside the data of SYSTEM"},
		"cut in the header":    {func(b []byte) []byte { return b[:system+50] }, "ends inside a header"},
		"cut in the CRCs":      {func(b []byte) []byte { return b[:system+101] }, "ends inside the CRCs of SYSTEM"},
		"something between":    {func(b []byte) []byte { return append(b, "junk, and more of it"...) }, "neither zeros nor a record"},
		"a wrong header size":  {rehead(system, 4, 99, 0, 0, 0), "a header of 99 bytes"},
		"a huge size":          {rehead(system, 24, 0xff, 0xff, 0xff, 0xff), "with the CRCs of 1048576 blocks"},
		"blocks of nothing":    {rehead(system, 94, 0, 0, 0, 0), "blocks of 0 bytes"},
		"huge blocks":          {rehead(system, 94, 0, 0, 0, 0x40), "blocks of 1073741824 bytes"},
		"a name with a path":   {rehead(system, 60, '.', '.', ' ', '/'), "cannot be a name"},
		"no name":              {rehead(system, 60, 0), "cannot be a name"},
		"zeros without an end": {func(b []byte) []byte { return append(make([]byte, 2<<20), b...) }, "more than 1048576 zeros"},
	} {
		t.Run(name, func(t *testing.T) {
			err := readAll(c.change(bytes.Clone(good)))
			if !errors.As(err, new(*FormatError)) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%v, want %q in it", err, c.says)
			}
		})
	}
}

// rehead changes bytes of a header and mends its CRC.
func rehead(at, field int, with ...byte) func([]byte) []byte {
	return func(b []byte) []byte {
		copy(b[at+field:], with)
		b[at+92], b[at+93] = 0, 0
		crc := CRC(b[at : at+98])
		b[at+92], b[at+93] = byte(crc), byte(crc>>8)
		return b
	}
}

func FuzzReader(f *testing.F) {
	f.Add(made(f))
	f.Add([]byte(Magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		streamed := NewReader(io.MultiReader(bytes.NewReader(b)))
		seeking := NewReader(bytes.NewReader(b))
		for {
			h, err := streamed.Next()
			s, serr := seeking.Next()
			if (err == nil) != (serr == nil) && !errors.Is(err, io.EOF) && !errors.Is(serr, io.EOF) || err == nil && serr == nil && *h != *s {
				t.Fatalf("%+v %v; seeking %+v %v", h, err, s, serr)
			}
			if err != nil || serr != nil {
				return
			}
			n, err := io.Copy(io.Discard, streamed)
			if err == nil && n != h.Size || n > int64(len(b)) {
				t.Fatalf("%d bytes of %d, %v", n, h.Size, err)
			}
			if err != nil {
				return
			}
		}
	})
}
