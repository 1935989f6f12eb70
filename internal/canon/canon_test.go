package canon

import (
	"bytes"
	"encoding/json"
	"testing"
)

// The vectors are the ledger's: internal/ledger/testdata/vectors.json.
func TestRefuses(t *testing.T) {
	for _, bad := range []string{`1.5`, `1e3`, `9007199254740992`, `-9007199254740992`} {
		if got, err := Encode(json.RawMessage(bad)); err == nil {
			t.Errorf("%s is encoded as %s", bad, got)
		}
	}
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{`{"b":1,"a":[true,null,"\u00e9\n"]}`, `{}`, `"\ud800"`, `1e2`, `{"a":1,"a":2}`, `[]x`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !json.Valid(text) {
			_ = Is(text)
			return
		}
		c, err := Encode(json.RawMessage(text))
		if err != nil {
			return
		}
		if !Is(c) {
			t.Fatalf("%q is not its own canonical form", c)
		}
		again, err := Encode(json.RawMessage(c))
		if err != nil || !bytes.Equal(c, again) {
			t.Fatalf("%q becomes %q (%v)", c, again, err)
		}
	})
}
