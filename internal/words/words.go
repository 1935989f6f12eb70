// Package words is everything that is said to a person, in English and Russian.
//
// What the station's screens are made of has an id, such as "state.pass" or "action.cable",
// and may have placeholders, such as {port}: en.yaml, ru.yaml. Sentences that arise below,
// such as errors and hints, are found by their English: ru/, and [Words.Say]. Keys, classes,
// codes and JSON are not words and are never translated. The package knows nothing else of
// Zarya. Words that are nil are English ones.
package words

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"
	"gopkg.in/yaml.v3"
)

//go:embed en.yaml ru.yaml
var files embed.FS

// Languages are what there are words in; the first is taken where none is asked for.
var Languages = []string{"en", "ru"}

// Args is what stands for the placeholders: Args{"port": "A3"} for {port}.
type Args map[string]any

// Words are the words of one language. They may be used by several goroutines.
type Words struct {
	lang      string
	localizer *i18n.Localizer
	printer   *message.Printer
}

var english, russian = sync.OnceValue(func() *Words { return load("en") }), sync.OnceValue(func() *Words { return load("ru") })

// For is the words of a language, "en" or "ru"; of any other, English ones.
func For(lang string) *Words {
	if lang == "ru" {
		return russian()
	}
	return english()
}

func load(lang string) *Words {
	bundle := i18n.NewBundle(language.English)
	bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
	if _, err := bundle.LoadMessageFileFS(files, lang+".yaml"); err != nil {
		panic("words: " + err.Error()) // the file is part of the program, and tests read it
	}
	return &Words{lang, i18n.NewLocalizer(bundle, lang), message.NewPrinter(language.MustParse(lang))}
}

// Language is the language that a person asked for: with a flag, or else with LC_ALL,
// LC_MESSAGES or LANG, the first that is set. One without words is English.
func Language(flag string, getenv func(string) string) string {
	asked := flag
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if asked == "" {
			asked = getenv(name)
		}
	}
	asked, _, _ = strings.Cut(asked, ".")
	asked, _, _ = strings.Cut(strings.ReplaceAll(asked, "-", "_"), "_")
	if asked = strings.ToLower(asked); slices.Contains(Languages, asked) {
		return asked
	}
	return Languages[0]
}

// Lang is which language these words are of.
func (w *Words) Lang() string {
	if w == nil {
		return Languages[0]
	}
	return w.lang
}

// Has reports whether there is something to say with an id.
func (w *Words) Has(id string) bool {
	_, err := w.find(id, nil)
	return err == nil
}

// Text is what is said with an id. One that nobody wrote words for is shown as it is, so
// that a person still sees something.
func (w *Words) Text(id string, args Args) string {
	s, err := w.find(id, nil)
	if err != nil {
		return id
	}
	return fill(s, w.said(args))
}

// said are the arguments with {words}, which somebody below said in English, in this language.
func (w *Words) said(args Args) Args {
	text, ok := args["words"]
	if !ok || w.Lang() == Languages[0] {
		return args
	}
	args = maps.Clone(args)
	args["words"] = w.Say(fmt.Sprint(text))
	return args
}

// Count is what is said of n things; {n} is n.
func (w *Words) Count(id string, n int, args Args) string {
	s, err := w.find(id, n)
	if err != nil {
		s, err = w.find(id, nil) // one form for all numbers
	}
	if err != nil {
		return fmt.Sprint(id, " ", n)
	}
	all := Args{"n": w.Number(float64(n), 0)}
	for k, v := range args {
		all[k] = v
	}
	return fill(s, all)
}

func (w *Words) find(id string, n any) (string, error) {
	if w == nil {
		w = english()
	}
	return w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, PluralCount: n, TemplateParser: template.IdentityParser{}})
}

// fill puts what is meant in the place of the placeholders, once: what was put in is not
// looked at again.
func fill(s string, args Args) string {
	if len(args) == 0 {
		return s
	}
	pairs := make([]string, 0, 2*len(args))
	for k, v := range args {
		pairs = append(pairs, "{"+k+"}", fmt.Sprint(v))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// Number is a number as it is written in this language, with so many decimals: 97.2 is
// 97.2 or 97,2.
func (w *Words) Number(f float64, decimals int) string {
	return w.printer.Sprint(number.Decimal(f, number.MinFractionDigits(decimals), number.MaxFractionDigits(decimals)))
}

// Decimal is a number with so many decimals and nothing between its thousands, for tables.
func (w *Words) Decimal(f float64, decimals int) string {
	text := strconv.FormatFloat(f, 'f', decimals, 64)
	if w.Lang() == "ru" {
		text = strings.Replace(text, ".", ",", 1)
	}
	return text
}

// DateForm is how a day is written, as a layout of package time.
func (w *Words) DateForm() string {
	if w.Lang() == "ru" {
		return "02.01.2006"
	}
	return time.DateOnly
}

// DayForm is how a day of this year is written, as a layout of package time.
func (w *Words) DayForm() string {
	if w.Lang() == "ru" {
		return "02.01"
	}
	return "01-02"
}

// Titles are the titles of a table's columns, in this language.
func (w *Words) Titles(english ...string) string {
	titles := make([]string, len(english))
	for i, title := range english {
		titles[i] = w.Say(title)
	}
	return strings.Join(titles, "\t")
}

// Percent is a part of one as percent with one decimal: 97.2% or 97,2%.
func (w *Words) Percent(part float64) string {
	return w.Text("unit.percent", Args{"n": w.Number(part*100, 1)})
}

// PercentWide is Percent as it is written where there is room: 97.2 % or 97,2 %.
func (w *Words) PercentWide(part float64) string {
	return w.Text("unit.percent.wide", Args{"n": w.Number(part*100, 1)})
}

// Rate is bytes a second: 38 MB/s or 38 МБ/с.
func (w *Words) Rate(bytes float64) string {
	return w.Text("unit.rate", Args{"n": w.Number(bytes/1e6, 0)})
}

// Bytes is a count of bytes: 290 MB, 3.1 GB, or 3,1 ГБ.
func (w *Words) Bytes(n int64) string {
	if n < 1e9 {
		return w.Text("unit.megabyte", Args{"n": w.Number(float64(n)/1e6, 0)})
	}
	return w.Text("unit.gigabyte", Args{"n": w.Number(float64(n)/1e9, 1)})
}

// Seconds is a short time in whole seconds, beside a state: 22s or 22с.
func (w *Words) Seconds(d time.Duration) string {
	return w.Text("unit.second", Args{"n": int(d.Round(time.Second).Seconds())})
}

// Clock is a time as a clock counts it, the same in both languages: 1:20, 12:05:00.
func Clock(d time.Duration) string {
	s := int(max(0, d).Round(time.Second).Seconds())
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
