package words

import (
	"testing"
)

// What was made in English is said in Russian, with its arguments; a tablet's own words stay.
func TestSay(t *testing.T) {
	ru := For("ru")
	for english, want := range map[string]string{
		"charge the tablet and try again":                 "зарядите планшет и повторите",
		"Charge the tablet and try again.":                "Зарядите планшет и повторите.",
		"flash:system: charge the tablet and try again":   "flash:system: зарядите планшет и повторите",
		"port A3 is what nobody wrote words for":          "port A3 is what nobody wrote words for",
		"the tablet is \"no %s: ok\", AGS3 was asked for": "планшет \"no %s: ok\", а нужен AGS3",
		"3.10 GB is free for the ledger in /var":          "3,10 ГБ свободно для журнала в /var",
		"21 tablets":                                      "21 планшет", "2 tablets": "2 планшета", "11 tablets": "11 планшетов",
		"2 min 05 s": "2 мин 05 с", "1m30s": "1 мин 30 с", "38 MB/s": "38 МБ/с", "system": "system",
		"Written whole: boot. Erased: cache.":  "Записано целиком: boot. Стёрто: cache.",
		"warning: the tablet runs Android":     "внимание: на планшете Android",
		"nothing was written\nplug it back in": "ничего не записано\nподключите обратно",
	} {
		if got := ru.Say(english); got != want {
			t.Errorf("%q: %q, want %q", english, got, want)
		}
		if got := For("en").Say(english); got != english {
			t.Errorf("%q in English is %q", english, got)
		}
	}
	if got := (*Words)(nil).Sayf("try %d", 2); got != "try 2" {
		t.Error(got)
	}
	if got := ru.Sayf("%s in %s", "ГОТОВ", "5.5 s"); got != "ГОТОВ за 5,5 с" {
		t.Error(got)
	}
	if got := ru.Text("banner.said", Args{"words": "nothing was written"}); got != "ничего не записано" {
		t.Error(got)
	}
}

// What is said has the arguments that the English has: each once, and no other.
func TestSentencesHaveTheirArguments(t *testing.T) {
	for english, entry := range russianSentences().whole {
		for _, said := range entry.said {
			seen := make([]int, len(entry.english.verbs))
			for _, n := range said.args {
				if n >= len(seen) {
					t.Errorf("%q has no argument %d", english, n+1)
					continue
				}
				seen[n]++
			}
			for n, times := range seen {
				if times != 1 {
					t.Errorf("%q says argument %d %d times", english, n+1, times)
				}
			}
		}
	}
}
