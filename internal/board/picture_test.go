package board

import (
	"os"
	"strings"
	"testing"

	"github.com/charmbracelet/x/vt"

	"github.com/zarya-station/zarya/internal/goldentest"
	"github.com/zarya-station/zarya/internal/termsvg"
	"github.com/zarya-station/zarya/internal/words"
)

// The pictures of the documentation are the board as a terminal shows it (ZARYA_UPDATE=1).
func TestPicturesOfTheDocumentation(t *testing.T) {
	for name, lang := range map[string]string{"board.svg": "en", "board.ru.svg": "ru"} {
		size := Size{100, 26}
		screen := vt.NewEmulator(size.Width, size.Height)
		drawn := Render(picture(16, lang), size, words.For(lang), Options{})
		if _, err := screen.WriteString(strings.ReplaceAll(drawn, "\n", "\r\n")); err != nil {
			t.Fatal(err)
		}
		got := termsvg.Still(screen, "The board of a station with sixteen ports")
		file := "../../docs/pictures/" + name
		if goldentest.Update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != got {
			t.Errorf("%s is not what the board shows: run ZARYA_UPDATE=1 go test ./internal/board -run Documentation (%v)", file, err)
		}
	}
}
