// What the station's board and page say, in the languages that they say it in.

package manual

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash"
	"github.com/zarya-station/zarya/internal/words"
)

// sample stands for what is filled in.
var sample = words.Args{"port": "A3", "percent": "63", "step": "4", "steps": "11", "s": "22", "serial": "BXF4C2", "n": "12",
	"ports": "A1 A4 B2", "record": "A7-214", "words": gap, "keys": gap}

// states are what a row can say, in the order of a tablet's way: the sign, the words, the
// colour, and the meaning, in English and Russian.
var states = []struct{ sign, id, colourEN, colourRU, en, ru string }{
	{"·", "state.empty", "grey", "серый", "Nothing is plugged in.", "Порт пуст."},
	{"…", "state.detected", "plain", "обычный", "A tablet is plugged in. The station is finding out which one.",
		"Планшет подключён, узнаём, какой он."},
	{"…", "state.preflight", "plain", "обычный", "Being checked. Nothing is written yet.", "Проверяем перед записью."},
	{"▶", "state.flashing.percent", "blue", "синий", "Being written. Do not unplug.", "Пишем систему. Не вынимайте."},
	{"↻", "state.booting", "blue", "синий",
		"Starting. The screen may go dark. Do not unplug.", "Загружается. Экран может погаснуть. Не вынимайте."},
	{"▶", "state.provisioning.step", "blue", "синий", "Being set up. Do not unplug.", "Настраиваем. Не вынимайте."},
	{"▶", "state.checking", "blue", "синий", "Being compared. Do not unplug.", "Сверяем записанное. Не вынимайте."},
	{"‖", "state.queue", "grey", "серый", "Waiting for its turn. Leave it in.", "Ждёт очереди на этом хабе. Оставьте."},
	{"?", "state.silent.for", "yellow", "жёлтый",
		"No answer for a while. Wait: the board tells you when to act.", "Давно не отвечает. Ждите: табло скажет, когда действовать."},
	{"!", "state.away.left", "yellow", "жёлтый",
		"The tablet has gone. Plug it back in.", "Пропал, но может вернуться. Подключите обратно."},
	{"!", "state.operator", "yellow", "жёлтый", "Press the keys named in the bottom line.", "Внизу сказано, какие кнопки нажать."},
	{"‖", "state.no-identity", "yellow", "жёлтый",
		"Written; no numbers left. Leave it in.", "Записан, но номера для него нет. Оставьте."},
	{"✔", "state.pass", "green", "зелёный", "Done. Take it out.", "Готов. Вынимайте."},
	{"✔", "state.flashed", "green", "зелёный", "Done, without setup. Take it out.", "Записан, без настройки. Вынимайте."},
	{"✘", "state.fail", "red", "красный",
		"The tablet is at fault. Do what the bottom line says.", "Дело в планшете. Делайте, что сказано в строке."},
	{"✘", "state.retry", "yellow", "жёлтый", "The cable or the station is at fault. Do what the bottom line says.",
		"Дело в кабеле или в стенде. Повторите, как сказано в строке."},
	{"✘", "state.interrupted", "red", "красный", "Stopped. Plug it in again.", "Прерван. Подключите снова."},
	{"–", "state.skipped", "yellow", "жёлтый", "Left out, nothing was written. Set it aside.", "Этот не берём, ничего не записано. Отложите."},
	{"✘", "state.unplugged", "red", "красный", "Taken out too early. Plug it in again.", "Вынут раньше времени. Подключите снова."},
	{"⊘", "state.off", "magenta", "лиловый", "Do not use this port.", "Этим портом не пользуйтесь."},
	{"–", "state.foreign", "grey", "серый",
		"Not part of this order. Nothing was written.", "Планшет не из этого заказа. Ничего не записано."},
}

func boardWords(t *testing.T, lang string) string {
	w := words.For(lang)
	head := []string{"board", "colour", "meaning"}
	if lang == "ru" {
		head = []string{"табло", "цвет", "значение"}
	}
	var rows []string
	for _, s := range states {
		if !w.Has(s.id) {
			t.Errorf("the board does not say %s", s.id)
		}
		colour, meaning := s.colourEN, s.en
		if lang == "ru" {
			colour, meaning = s.colourRU, s.ru
		}
		says := strings.ReplaceAll(w.Text(s.id, sample), "{time}", w.Seconds(22*time.Second))
		rows = append(rows, row(chip(s.colourEN, s.sign+" "+says), colour, meaning))
	}
	return table(head, rows...)
}

// chip is a word of the board in its colour, where a page has colours.
func chip(colour, word string) string {
	return fmt.Sprintf(`<span class="c %s">**%s**</span>`, colour, word)
}

// reasons are the words of failures, as they stand in a row, and whose actions they have, with
// the colour of the row.
var reasons = []reason{
	{"cable", "yellow"}, {"timeout", "yellow"}, {"station", "yellow"}, {"no-identity", "yellow"}, {"skipped", "yellow"},
	{"unplugged", "red"}, {"operator", "red"}, {"boot", "red"}, {"image", "red"}, {"battery", "red"}, {"locked", "red"}, {"device", "red"},
	{"settings", "red"}, {"profile", "red"}, {"identity", "red"}, {"numbers", "red"}, {"bug", "red"},
	{"port-off", "magenta"}, {"set-aside", "magenta"}}

// reason is a word of a failure.
type reason struct{ id, colour string }

// withClasses adds the classes that are not there.
func withClasses(list []reason) []reason {
	for _, c := range flash.Classes() {
		if slices.ContainsFunc(list, func(r reason) bool { return r.id == string(c) }) {
			continue
		}
		colour := "red"
		if c.Bench() {
			colour = "yellow"
		}
		list = append(list, reason{string(c), colour})
	}
	return list
}

func actionTable(t *testing.T, lang string) string {
	w := words.For(lang)
	head := []string{"the row says", "what to do"}
	if lang == "ru" {
		head = []string{"в строке", "что делать"}
	}
	var rows []string
	for _, r := range withClasses(reasons) {
		if !w.Has("row."+r.id) || !w.Has("action."+r.id) {
			t.Errorf("the board does not say row.%s and action.%s", r.id, r.id)
		}
		do := strings.TrimPrefix(w.Text("action."+r.id, sample), "A3: ")
		do = strings.TrimSuffix(strings.TrimSuffix(do, ": "+gap), " ("+gap+")")
		rows = append(rows, row(chip(r.colour, w.Text("row."+r.id, sample)), sentence(do)))
	}
	return table(head, rows...)
}

// banners are what holds for the whole station, with what a technician does about it.
var banners = []struct{ id, en, ru string }{
	{"banner.disk-full", "Call the supervisor. Leave tablets in until they finish.", "Позовите старшего. Начатые закончат сами."},
	{"banner.ledger-refused", "Call the supervisor. Plug nothing in.", "Позовите старшего. Ничего не подключайте."},
	{"banner.database-refuses", "Call the supervisor. Plug nothing in.", "Позовите старшего. Ничего не подключайте."},
	{"banner.pool-empty", "Call the supervisor. Leave the tablets in.", "Позовите старшего. Планшеты не вынимайте."},
	{"banner.follow-refused", "Keep working, and tell the supervisor.", "Работайте дальше и скажите старшему."},
	{"banner.scanner-away", "Plug the scanner in.", "Подключите сканер."},
	{"banner.drain", "Plug nothing in. The station is finishing its work.", "Ничего не подключайте: стенд заканчивает работу."},
}

func bannerTable(t *testing.T, lang string) string {
	w := words.For(lang)
	head := []string{"at the top", "what to do"}
	if lang == "ru" {
		head = []string{"вверху", "что делать"}
	}
	var rows []string
	for _, b := range banners {
		if !w.Has(b.id) {
			t.Errorf("the board does not say %s", b.id)
		}
		do := b.en
		if lang == "ru" {
			do = b.ru
		}
		rows = append(rows, row("**"+w.Text(b.id, sample)+"**", do))
	}
	return table(head, rows...)
}
