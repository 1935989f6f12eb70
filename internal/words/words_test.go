package words

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"gopkg.in/yaml.v3"
)

// catalogue is a language's file: an id's texts, one for each plural form.
func catalogue(t *testing.T, lang string) map[string][]string {
	t.Helper()
	raw, err := files.ReadFile(lang + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for id, v := range all {
		switch v := v.(type) {
		case string:
			out[id] = []string{v}
		case map[string]any:
			for _, form := range v {
				out[id] = append(out[id], form.(string))
			}
		default:
			t.Errorf("%s: %s is %T", lang, id, v)
		}
	}
	return out
}

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

func placeholders(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, placeholder.FindAllString(text, -1)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestBothLanguagesSayTheSame(t *testing.T) {
	en, ru := catalogue(t, "en"), catalogue(t, "ru")
	for id, texts := range en {
		if ru[id] == nil {
			t.Errorf("%s has no Russian words", id)
			continue
		}
		if a, b := placeholders(texts), placeholders(ru[id]); !slices.Equal(a, b) {
			t.Errorf("%s: English has %v, Russian has %v", id, a, b)
		}
	}
	for id := range ru {
		if en[id] == nil {
			t.Errorf("%s has no English words", id)
		}
	}
}

// A state stands between a port and a model, in 10 cells as it is, and in 11 with its number.
func TestStatesFit(t *testing.T) {
	args := Args{"percent": 100, "step": 4, "steps": 11, "time": "59s"}
	for _, lang := range Languages {
		w := For(lang)
		for id, texts := range catalogue(t, lang) {
			if !strings.HasPrefix(id, "state.") {
				continue
			}
			limit := 10
			if len(placeholders(texts)) > 0 {
				limit = 11
			}
			if text := w.Text(id, args); uniseg.StringWidth(text) > limit || strings.ContainsAny(text, "{}") {
				t.Errorf("%s: %s is %q", lang, id, text)
			}
		}
	}
}

func TestPlurals(t *testing.T) {
	for _, c := range []struct {
		lang, id string
		want     []string // of 1, 2, 5, 11, 21 and 22
	}{
		{"en", "count.tablet", []string{"one tablet", "2 tablets", "5 tablets", "11 tablets", "21 tablets", "22 tablets"}},
		{"ru", "count.tablet", []string{"1 планшет", "2 планшета", "5 планшетов", "11 планшетов", "21 планшет", "22 планшета"}},
		{"ru", "count.port", []string{"1 порт", "2 порта", "5 портов", "11 портов", "21 порт", "22 порта"}},
		{"ru", "count.failed", []string{"1 не прошёл", "2 не прошли", "5 не прошли", "11 не прошли", "21 не прошёл", "22 не прошли"}},
		{"ru", "count.queued", []string{"ждёт 1", "ждут 2", "ждут 5", "ждут 11", "ждёт 21", "ждут 22"}},
		{"en", "count.failed", []string{"1 failed", "2 failed", "5 failed", "11 failed", "21 failed", "22 failed"}},
	} {
		w := For(c.lang)
		for i, n := range []int{1, 2, 5, 11, 21, 22} {
			if got := w.Count(c.id, n, nil); got != c.want[i] {
				t.Errorf("%s %s of %d: %q, want %q", c.lang, c.id, n, got, c.want[i])
			}
		}
	}
	for _, lang := range Languages {
		for id := range catalogue(t, lang) {
			for _, n := range []int{0, 1, 2, 5, 11, 21, 22} {
				if got := For(lang).Count(id, n, nil); strings.HasPrefix(id, "count.") && strings.Contains(got, "count.") {
					t.Errorf("%s: %s has no words for %d", lang, id, n)
				}
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	en, ru, noon := For("en"), For("ru"), time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{en.Percent(0.972), "97.2%"}, {ru.Percent(0.972), "97,2%"}, {ru.PercentWide(1), "100,0 %"},
		{en.Rate(38e6), "38 MB/s"}, {ru.Rate(38e6), "38 МБ/с"},
		{en.Bytes(290e6), "290 MB"}, {ru.Bytes(3_100_000_000), "3,1 ГБ"},
		{noon.Format(en.DateForm()), "2026-11-26"}, {noon.Format(ru.DateForm()), "26.11.2026"}, {noon.Format(en.DayForm()), "11-26"},
		{noon.Format(ru.DayForm()), "26.11"}, {en.Number(1286, 0), "1,286"}, {ru.Number(1286, 0), "1\u00a0286"},
		{ru.Seconds(22 * time.Second), "22с"},
		{Clock(80 * time.Second), "1:20"}, {Clock(-time.Second), "0:00"}, {Clock(3*time.Hour + 62*time.Second), "3:01:02"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for _, c := range []struct{ flag, all, messages, lang, want string }{
		{"", "", "", "", "en"},
		{"", "", "", "ru_RU.UTF-8", "ru"},
		{"", "C", "", "ru_RU.UTF-8", "en"},
		{"", "", "en_GB", "ru_RU.UTF-8", "en"},
		{"ru", "C", "", "", "ru"},
		{"", "", "", "de_DE.UTF-8", "en"},
		{"RU-ru", "", "", "", "ru"},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := Language(c.flag, func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// What a tablet says is never looked at for placeholders, and what nobody wrote is shown.
func TestFilledOnce(t *testing.T) {
	got := For("en").Text("action.device", Args{"port": "{words}", "words": "{port} {{.x}}"})
	if want := "{words}: set aside; tell the supervisor: {port} {{.x}}"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := For("en").Text("no.such", nil); got != "no.such" || For("en").Has("no.such") {
		t.Errorf("%q", got)
	}
	if w := For("de"); w.Lang() != "en" || w.Text("state.pass", nil) != "PASS" {
		t.Error("another language is not English")
	}
}

// Families are ids that are made of a key while the program runs; the packages that make
// them test that each key has words.
var families = []string{"report.by.", "state.", "row.", "hint.", "action.", "brief.", "banner.", "page.step.", "fate.", "board.ask.",
	"board.done.",
	"page.ask.", "page.span.", "result.", "wait."}

var asked = regexp.MustCompile(`\b(?:Text|Count|text|count)[ (]\(?"([a-z0-9.-]+\.[a-z0-9.-]*[a-z0-9])"`)

// Every id that the source asks for has words, and no words are there for nobody.
func TestEveryIdIsUsed(t *testing.T) {
	known := catalogue(t, "en")
	used := map[string]bool{}
	shown := map[string]bool{} // which of the packages that speak are there
	root := filepath.Join("..", "..")
	for _, dir := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			ext := filepath.Ext(path)
			if err != nil || d.IsDir() || ext != ".go" && ext != ".html" && ext != ".tmpl" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			source := string(raw)
			shown[filepath.Base(filepath.Dir(path))] = true
			if strings.Contains(source, "internal/words") || ext != ".go" {
				for _, m := range asked.FindAllStringSubmatch(source, -1) {
					if known[m[1]] == nil {
						t.Errorf("%s asks for %q, which has no words", path, m[1])
					}
				}
			}
			for id := range known {
				if strings.Contains(source, `"`+id+`"`) {
					used[id] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !shown["board"] || !shown["page"] {
		t.Fatal("the board or the page was not found: nothing can be said of its words")
	}
	for id := range known {
		if strings.HasPrefix(id, "count.") {
			continue // what is counted is ready for whoever counts it
		}
		if !used[id] && !slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(id, f) }) {
			t.Errorf("nobody says %q", id)
		}
	}
}
