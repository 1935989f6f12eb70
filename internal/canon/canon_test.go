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

// TestEncode has the one way of each kind of value. What is hashed is there as vectors.
func TestEncode(t *testing.T) {
	for in, want := range map[string]string{
		` { "b" : [ 1 , true , null , "x" ] , "a" : { } } `: `{"a":{},"b":[1,true,null,"x"]}`,
		`{"B":1,"a":2,"é":3,"Ž":4}`:                         `{"B":1,"a":2,"é":3,"Ž":4}`,
		`"\u0001\t\"\\\u00e9\/\ud83d\ude00"`:                `"\u0001\u0009\"\\é/😀"`,
		`-9007199254740991`:                                 `-9007199254740991`,
		`-0`:                                                `0`,
		`[false,[]]`:                                        `[false,[]]`,
	} {
		got, err := Encode(json.RawMessage(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, not %s (%v)", in, got, want, err)
		}
	}
	for _, bad := range []any{func() {}, map[string]any{"a": []any{map[string]any{"b": 0.5}}}, []float64{1e300}, json.RawMessage("1 2")} {
		if got, err := Encode(bad); err == nil {
			t.Errorf("%v is encoded as %s", bad, got)
		}
	}
	for _, other := range []string{`{"b":1,"a":2}`, `{"a": 1}`, `{"a":1}{}`, `01`, `"\u00e9"`, ``, `[1.0]`, "\"\xff\""} {
		if Is([]byte(other)) {
			t.Errorf("%s is not in the one way", other)
		}
	}
	if _, err := encode(nil, struct{}{}); err == nil {
		t.Error("what no JSON has is encoded")
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
