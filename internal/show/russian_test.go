package show

import (
	"strings"
	"testing"
	"time"

	"github.com/zarya-station/zarya/flash/image/bundle"
	"github.com/zarya-station/zarya/internal/fleet"
	"github.com/zarya-station/zarya/internal/fleet/lease"
	"github.com/zarya-station/zarya/internal/ledger/pool"
	"github.com/zarya-station/zarya/internal/registry"
	"github.com/zarya-station/zarya/internal/words"
)

// Tables and lists are said in the reader's language: titles, states, sizes, dates. Names and
// digests are what they are.
func TestTablesInRussian(t *testing.T) {
	ru := words.For("ru")
	var out, said strings.Builder
	Image{File: "a.img.zst", Format: "raw", Packing: "zstd", FileSize: 22, Size: 8193, Digest: "sha256:a", Pieces: 2, Wire: 5}.Text(&out, ru)
	Bundle{File: "b.bundle", Name: "census", Version: "5.1", Models: []string{"AGS3-L09"}, Access: "ssh", Profile: "p.yaml",
		Files: make([]bundle.File, 3), Images: []BundleImage{{Partition: "boot", Mode: "fastboot", Size: 2.5e9, Root: "sha256:r"}},
		signature: "not signed"}.Text(&out, ru)
	Cached{Digest: "sha256:c", Size: 2e6, Disk: 1e6, Used: time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)}.Text(&out, ru)
	Validation{Profile: "p.yaml", Valid: true, Needs: []string{"the secret psk"}}.Text(&out, ru)
	Validation{Profile: "q.yaml", Errors: []string{"q.yaml:1:1: the profile is missing name"}}.Text(&out, ru)
	Profile{Name: "kiosk", File: "built in"}.Text(&out, ru)
	if err := Identities(&out, ru, []pool.Identity{{Pool: "census", ID: 7, State: "free"}}); err != nil {
		t.Fatal(err)
	}
	seen := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	if err := Stations(&out, &said, ru, []fleet.Status{{Station: "bench-1", State: "joined", Last: 42, Seen: &seen, Rewound: 7}},
		seen.Add(90*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := Counts(&out, &said, ru, []lease.Count{{Pool: "census", State: "bound", Count: 3}},
		[]lease.Found{{Record: "b-1", What: "second", Serial: "S1", Pool: "census", Number: 1, Other: 2}}); err != nil {
		t.Fatal(err)
	}
	Pruned(&out, ru, &registry.Pruned{Bundles: []registry.Kept{{Name: "a", Version: "1", Digest: "d", Why: "used last"}},
		Freed: 5e6}, "/store")
	Retired(&out, ru, []fleet.Month{{Month: "2026-01", Table: "t"}}, false)
	holds(t, out.String(), "  вид        raw, упакован в zstd", "  файл       22 байта", "  развёрнут  8193 байта",
		"  sparse     кусков 2, по кабелю байт: 5",
		"  имя        census 5.1", "  подпись    не подписан", "  профиль    p.yaml, файлов: 3",
		"  образ      boot                  2,50 ГБ  sha256:r", "26.11.2026 12:00:00  sha256:c  образ 2 МБ, на диске 1 МБ",
		"p.yaml: годен", "  для запуска нужно: секрет psk", "q.yaml:1:1: профиль: не хватает name",
		"ЗАПАС   НОМЕР  СОСТОЯНИЕ  ПЛАНШЕТ  СТОЛБЦЫ", "a 1  d  оставлен: взят последним", "освобождено 5 МБ в /store",
		"bench-1  в парке    42       0     1 мин 30 с назад  ключ не подтверждён", "2026-01: вынесено в таблицу t")
	holds(t, said.String(), "b-1: у планшета S1 были номера 1 и 2 из census; остался 2", "  → если на нём номер 1, запустите его снова",
		"bench-1 до восстановления базы отправила записи по 7; остальные отправила снова")
	if !strings.Contains(out.String(), "СВОБОДЕН") || !strings.Contains(out.String(), "kiosk                встроен") {
		t.Error(out.String())
	}
}
