// This file keeps secrets out of everything that is shown, written or recorded.

package flash

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Secrets are values that no output may show. The zero value hides nothing; its methods
// may be called from several goroutines.
type Secrets struct {
	mu   sync.RWMutex
	hide []string // longest first
}

// hidden stands where a secret was.
const hidden = "***"

// shortest is the length below which a value is not looked for: it would hide half of
// every line, and be no secret.
const shortest = 4

// Add hides values from now on.
func (h *Secrets) Add(values ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range values {
		// A value of several lines, such as a key, may come out line by line.
		for _, part := range append(strings.Split(v, "\n"), v) {
			if part = strings.TrimSpace(part); len(part) >= shortest && !slices.Contains(h.hide, part) {
				h.hide = append(h.hide, part)
			}
		}
	}
	slices.SortFunc(h.hide, func(a, b string) int { return len(b) - len(a) })
}

// Clean gives text without the secrets.
func (h *Secrets) Clean(text string) string {
	if h == nil {
		return text
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, v := range h.hide {
		text = strings.ReplaceAll(text, v, hidden)
	}
	return text
}

// empty reports whether there is nothing to hide.
func (h *Secrets) empty() bool {
	if h == nil {
		return true
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.hide) == 0
}

// clean returns a copy of a struct without the secrets in its texts. Body says which fields
// are left alone.
func clean[T any](h *Secrets, value T) T {
	if h.empty() {
		return value
	}
	v := reflect.ValueOf(&value).Elem()
	if v.Kind() == reflect.Interface {
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(v.Elem())
		h.scrub(inner)
		v.Set(inner)
		return value
	}
	h.scrub(v)
	return value
}

// scrub cleans what v holds; lists and maps are copied first, because others share them.
func (h *Secrets) scrub(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if v.Type() == reflect.TypeFor[string]() { // a named type has words of its own
			v.SetString(h.Clean(v.String()))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() && v.Type().Field(i).Tag.Get("redact") != "never" {
				h.scrub(f)
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			h.scrub(c.Index(i))
		}
		v.Set(c)
	case reflect.Map:
		if v.IsNil() {
			return
		}
		c := reflect.MakeMap(v.Type())
		for _, key := range v.MapKeys() {
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(v.MapIndex(key))
			h.scrub(e)
			c.SetMapIndex(key, e)
		}
		v.Set(c)
	default:
	}
}
