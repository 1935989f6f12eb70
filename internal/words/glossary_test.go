package words

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notSaid are Russian words for things that have another one here, and that one. Two words for
// one thing are two things to whoever reads them.
var notSaid = []struct{ word, instead string }{
	{`бандл`, "набор"},
	{`пакет\S*`, "набор"},
	{`доск(а|и|е|у|ой)`, "табло"},
	{`прогон`, "запуск"},
	{`пул(|а|у|ом|е|ы|ов|ам|ами|ах)`, "запас"},
	{`погас\S*`, "списать"},
	{`задани\S*`, "работа"},
	{`приказ\S*`, "распоряжение: что именно"},
	{`общ(ая|ей|ую) (база|базы|базе|базу|базой|станци\S*)`, "база парка, станция парка"},
	{`(забрать|забран\S*) набор\S*`, "скачать"},
	{`загруж(ен|енн)\S* набор\S*`, "скачанный: загружен бывает планшет"},
	{`девайс\S*|аппарат\S*|гаджет\S*`, "планшет"},
	{`супервайзер\S*|супервизор\S*`, "старший"},
	{`леджер\S*|лог(|а|е|и|ов)`, "журнал"},
}

// meant are texts in which such a word is another thing.
var meant = []string{"о пакетах не спросить: %s", "берёт пакеты по %d байт, а надо не меньше %d",
	"каждый пакет fastboot в `FILE`, данные контрольными суммами"}

// asBench are the ids of what is wrong with a station in a technician's words: his bench.
var asBench = []string{"row.station", "hint.station", "banner.database-refuses"}

// russianTexts are all that is said in Russian, by what it is said for.
func russianTexts(t *testing.T) map[string][]string {
	t.Helper()
	all := catalogue(t, "ru")
	for english, entry := range russianSentences().whole {
		for _, said := range entry.said {
			all[english] = append(all[english], said.text())
		}
	}
	files, err := filepath.Glob("../help/texts/ru/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no texts of the help: ", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = []string{strings.Join(strings.Fields(string(text)), " ")}
	}
	return all
}

// text is a format as it is written in a catalogue.
func (f format) text() string {
	var b strings.Builder
	for i, literal := range f.literals {
		b.WriteString(literal)
		if i < len(f.verbs) {
			b.WriteString(f.verbs[i])
		}
	}
	return b.String()
}

func TestOneWordForOneThing(t *testing.T) {
	forbidden := make([]*regexp.Regexp, len(notSaid))
	for i, n := range notSaid {
		forbidden[i] = regexp.MustCompile(`(?i)(^|[^а-яё])(` + n.word + `)($|[^а-яё])`)
	}
	english := catalogue(t, "en")
	for id, texts := range russianTexts(t) {
		from := strings.Join(append(english[id], id), " ")
		for _, text := range texts {
			for i, r := range forbidden {
				if r.MatchString(text) && !slices.Contains(meant, text) {
					t.Errorf("%q: %q: say %s", id, text, notSaid[i].instead)
				}
			}
			if strings.Contains(text, "стенд") && strings.Contains(from, "station") && !strings.Contains(from, "bench") &&
				!slices.Contains(asBench, id) {
				t.Errorf("%q: %q: a station is «станция», the bench where it stands «стенд»", id, text)
			}
		}
	}
}
