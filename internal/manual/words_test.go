// What the station's board and page say, in the languages that they say it in.

package manual

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/internal/words"
)

// sample stands for what is filled in.
var sample = words.Args{"port": "A3", "percent": "63", "step": "4", "steps": "11", "s": "22", "serial": "BXF4C2", "n": "12",
	"ports": "A1 A4 B2", "record": "A7-214", "words": gap, "keys": gap}

// states are what a row can say, in the order of a tablet's way: the sign, the words, the
// colour, and the meaning, in English and Russian.
var states = []struct{ sign, id, colourEN, colourRU, en, ru string }{
	{"·", "state.empty", "grey", "серый", "Nothing is plugged in.", "Порт пуст."},
	{"…", "state.detected", "plain", "обычный", "A tablet is there; it is being asked who it is.", "Планшет подключён, узнаём, какой он."},
	{"…", "state.preflight", "plain", "обычный", "It is checked before anything is written.", "Проверяем перед записью."},
	{"▶", "state.flashing.percent", "blue", "синий", "The system is being written. Do not unplug.", "Пишем систему. Не вынимайте."},
	{"↻", "state.booting", "blue", "синий",
		"It starts. The screen may go dark. Do not unplug.", "Загружается. Экран может погаснуть. Не вынимайте."},
	{"▶", "state.provisioning.step", "blue", "синий", "It gets its settings. Do not unplug.", "Настраиваем. Не вынимайте."},
	{"▶", "state.checking", "blue", "синий", "Everything is read back and compared. Do not unplug.", "Сверяем записанное. Не вынимайте."},
	{"‖", "state.queue", "grey", "серый", "It waits for its turn on this hub. Leave it in.", "Ждёт очереди на этом хабе. Оставьте."},
	{"?", "state.silent.for", "yellow", "жёлтый",
		"It has not answered for a while. Wait; the board says when to act.", "Давно не отвечает. Ждите: табло скажет, когда действовать."},
	{"!", "state.away.left", "yellow", "жёлтый",
		"It is gone, and may come back. Plug it back in.", "Пропал, но может вернуться. Подключите обратно."},
	{"!", "state.operator", "yellow", "жёлтый", "The bottom line says which keys to press on it.", "Внизу сказано, какие кнопки нажать."},
	{"‖", "state.no-identity", "yellow", "жёлтый",
		"Written, but no number is left for it. Leave it in.", "Записан, но номера для него нет. Оставьте."},
	{"✔", "state.pass", "green", "зелёный", "Done. Take it out.", "Готов. Вынимайте."},
	{"✔", "state.flashed", "green", "зелёный", "Written, without settings. Take it out.", "Записан, без настройки. Вынимайте."},
	{"✘", "state.fail", "red", "красный",
		"This tablet has a fault. Do what the line says.", "Дело в планшете. Делайте, что сказано в строке."},
	{"✘", "state.retry", "yellow", "жёлтый", "The cable or the station is the cause. Try again as the line says.",
		"Дело в кабеле или в стенде. Повторите, как сказано в строке."},
	{"✘", "state.interrupted", "red", "красный", "It was stopped. Plug it in again.", "Прерван. Подключите снова."},
	{"✘", "state.unplugged", "red", "красный", "It was taken out too early. Plug it in again.", "Вынут раньше времени. Подключите снова."},
	{"⊘", "state.off", "magenta", "лиловый", "Do not use this port.", "Этим портом не пользуйтесь."},
	{"–", "state.foreign", "grey", "серый",
		"Not a tablet of this order. Nothing was written.", "Планшет не из этого заказа. Ничего не записано."},
}

func boardWords(t *testing.T, lang string) string {
	w := words.For(lang)
	head := []string{"", "board", "colour", "meaning"}
	if lang == "ru" {
		head = []string{"", "табло", "цвет", "значение"}
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
		rows = append(rows, row(s.sign, "**"+says+"**", fmt.Sprintf(`<span class="c %s">%s</span>`, s.colourEN, colour), meaning))
	}
	return table(head, rows...)
}

// reasons are the words of failures, as they stand in a row, and whose actions they have.
var reasons = []string{"cable", "timeout", "unplugged", "operator", "boot", "image", "battery", "locked", "device", "settings", "profile",
	"identity", "no-identity", "numbers", "station", "port-off", "set-aside", "bug"}

func actionTable(t *testing.T, lang string) string {
	w := words.For(lang)
	head := []string{"the row says", "what to do"}
	if lang == "ru" {
		head = []string{"в строке", "что делать"}
	}
	var rows []string
	for _, r := range reasons {
		if !w.Has("row."+r) || !w.Has("action."+r) {
			t.Errorf("the board does not say row.%s and action.%s", r, r)
		}
		rows = append(rows, row("**"+w.Text("row."+r, sample)+"**", w.Text("action."+r, sample)))
	}
	return table(head, rows...)
}

// banners are what holds for the whole station, with what a technician does about it.
var banners = []struct{ id, en, ru string }{
	{"banner.disk-full", "Call the supervisor. Tablets under way end by themselves.", "Позовите старшего. Начатые закончат сами."},
	{"banner.ledger-refused", "Call the supervisor. Plug nothing in.", "Позовите старшего. Ничего не подключайте."},
	{"banner.database-refuses", "Call the supervisor. Plug nothing in.", "Позовите старшего. Ничего не подключайте."},
	{"banner.pool-empty", "Call the supervisor. Leave the tablets in.", "Позовите старшего. Планшеты не вынимайте."},
	{"banner.follow-refused", "Go on working, and tell the supervisor.", "Работайте дальше и скажите старшему."},
	{"banner.scanner-away", "Plug the scanner in.", "Подключите сканер."},
	{"banner.drain", "Plug nothing in. The station is ending its work.", "Ничего не подключайте: стенд заканчивает работу."},
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
