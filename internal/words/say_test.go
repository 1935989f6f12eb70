package words

import (
	"slices"
	"strings"
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
		"Written completely: boot. Erased: cache.":                        "Записано целиком: boot. Стёрто: cache.",
		"warning: the tablet runs Android":                                "внимание: на планшете Android",
		"nothing was written\nplug it back in":                            "ничего не записано\nподключите обратно",
		"a.img: is a picture, not an image; check the name; is it 2 or 3": "a.img: это картинка, а не образ; проверьте имя; is it 2 or 3",
		"/p.yaml:3:9: tablet is missing models":                           "/p.yaml:3:9: tablet: не хватает models",
		"/p.yaml:3:18: tablet.models is empty":                            "/p.yaml:3:18: tablet.models: пусто",
		`/p.yaml:3:22: unknown key "x"; known are a, b`:                   `/p.yaml:3:22: нет ключа "x"; есть a, b`,
		"a.img: is empty; check the name":                                 "a.img: пусто; проверьте имя",
		"a.img: damaged sparse image: at byte 9: the CRC32 of the first 8 expanded bytes is 0000000a, not 0000000b; " +
			"copy or download it again": "a.img: образ sparse испорчен, байт 9: сумма CRC32 первых 8 байт: 0000000a, а должна быть 0000000b; " +
			"скопируйте или скачайте снова",
		"the file ends inside chunk 0 (RAW), 96 bytes early; copy or download it again": "файл кончается внутри куска 0 (RAW), " +
			"не хватает байт: 96; скопируйте или скачайте снова",
		"hook before: /h: nobody has words for it; nothing was written": "программа " +
			"станции before: /h: nobody has words for it; ничего не записано",
		"Nobody has words for it. It said, at preflight: the bootloader is locked (oem x); nothing was written": "Nobody has words for it. " +
			"Сказано на шаге preflight: загрузчик закрыт (oem x); ничего не записано",
		"p 1 (on the tablet A), p 2 (on the tablet B)": "p 1 (на планшете A), p 2 (на планшете B)",
		"FAIL: flash:system: the device says \"no\"":   "FAIL: flash:system: планшет говорит \"no\"",
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

func TestNothingIsSaidTwice(t *testing.T) {
	if twice := russianSentences().twice; len(twice) > 0 {
		t.Errorf("said in two files of ru/: %q", twice)
	}
}

func TestListsAreSaidItemByItem(t *testing.T) {
	w := For("ru")
	for text, want := range map[string]string{
		"not reported by the tablet: size of vbmeta, size of boot": "планшет не сказал: размер vbmeta, размер boot",
		"size of boot, battery":    "размер boot, battery",
		"two apples, size of boot": "two apples, size of boot",
	} {
		if got := w.Say(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

func TestOneOfAThing(t *testing.T) {
	for n, want := range map[int]string{0: "a: 0 rows, 1 of them new", 1: "a: 1 row, 1 of them new", 2: "a: 2 rows, 1 of them new"} {
		if said := For("en").Sayf("%s: %d rows, %d of them new", "a", n, 1); said != want {
			t.Errorf("%d: %q, not %q", n, said, want)
		}
	}
	if said := For("ru").Sayf("%s: %d identities given back", "a", 1); strings.Contains(said, "identit") {
		t.Error(said)
	}
	said := readSource(t).texts
	for many, one := range singular {
		if verbs := parseFormat(many).verbs; !slices.Equal(verbs, parseFormat(one).verbs) {
			t.Errorf("%q and %q have other verbs", many, one)
		}
		if !said[normal(many)] {
			t.Errorf("nobody says %q", many)
		}
	}
}
