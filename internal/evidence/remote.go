// This file is another station as a witness of this one.

package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/zarya-station/zarya/internal/ledger"
	"github.com/zarya-station/zarya/internal/problem"
)

// remoteTimeout is how long another station may take.
const remoteTimeout = 10 * time.Second

// Remote is a witness that is another station: the address of its page, such as
// https://line-2.example:8420. A head is no secret and is signed, so http:// does as well.
type Remote string

// IsRemote says whether a witness is named by an address.
func IsRemote(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

func (r Remote) String() string { return string(r) }

// client follows nobody elsewhere.
var client = &http.Client{Timeout: remoteTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

// Keep sends a head.
func (r Remote) Keep(ctx context.Context, h ledger.Head) error {
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	_, err = ask(ctx, http.MethodPost, strings.TrimSuffix(string(r), "/")+"/heads", text)
	return err
}

// FetchHeads reads the heads that a station keeps of another: https://line-2:8420/heads/line-1.
func FetchHeads(ctx context.Context, address string) ([]ledger.Head, error) {
	text, err := ask(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, problem.New(problem.Station, "look whether the station runs, and keeps heads of this one (witness-for)",
			"%s: %w", address, err)
	}
	return ledger.ReadHeads(bytes.NewReader(text))
}

// ask sends a request and returns the answer, which is bounded; one that is not well is an error.
func ask(ctx context.Context, method, address string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 2*maxShelf))
	if err == nil && answer.StatusCode >= 300 {
		err = fmt.Errorf("it says %s: %.200q", answer.Status, bytes.TrimSpace(text))
	}
	return text, err
}
