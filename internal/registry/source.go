// This file is where bundles come from: a registry over HTTP, or a folder.

package registry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"

	"github.com/zarya-station/zarya/internal/problem"
	"github.com/zarya-station/zarya/internal/untrusted"
)

// source is a place that has bundles.
type source interface {
	String() string // for a person
	// resolve returns the digest that a tag names now.
	resolve(ctx context.Context, tag string) (digest string, err error)
	// read opens a blob, or an OCI manifest, from a byte on. first is the byte with which
	// the body begins: from, or 0 if the place gives no parts.
	read(ctx context.Context, digest string, manifest bool, from int64) (body io.ReadCloser, first int64, err error)
}

func clean(s string) string { return untrusted.Line(s, untrusted.Word) }

// saidError is an error with words of a stranger in it, cleaned.
type saidError struct {
	place string
	err   error
}

func (e *saidError) Error() string {
	return e.place + ": " + untrusted.Line(e.err.Error(), untrusted.Message)
}
func (e *saidError) Unwrap() error { return e.err }

// hub is a repository of a registry.
type hub struct {
	name   string
	repo   *remote.Repository
	scheme string
}

// Time that a registry may take.
const (
	connectTime = 15 * time.Second // until it can be spoken to
	answerTime  = time.Minute      // until it begins to answer
	stallTime   = time.Minute      // between two bytes
)

// hub makes the client of a repository. host may begin with http:// or https://.
func (c *Client) hub(ctx context.Context, host, repository string) (*hub, error) {
	h := &hub{name: host, scheme: "https"}
	bare, plain := strings.CutPrefix(host, "http://")
	bare, encrypted := strings.CutPrefix(bare, "https://")
	if plain || !encrypted && (c.PlainHTTP || isLoopback(bare) && c.speaksPlain(ctx, bare)) {
		h.scheme = "http"
	}
	var err error
	if h.repo, err = remote.NewRepository(bare + "/" + repository); err != nil {
		return nil, problem.New(problem.Usage, "write HOST[:PORT]", "%s can be no registry", clean(host))
	}
	h.repo.PlainHTTP = h.scheme == "http"
	h.repo.ManifestMediaTypes = []string{v1.MediaTypeImageManifest}
	h.repo.Client, err = c.doer()
	return h, err
}

// speaksPlain says whether a registry on this machine is to be spoken to without TLS: it answers
// something else to TLS. One that has a certificate is never spoken to without, whoever signed it.
// One that does not answer is what it was the last time.
func (c *Client) speaksPlain(ctx context.Context, host string) bool {
	address := host
	_, _, err := net.SplitHostPort(host)
	if err != nil {
		address = net.JoinHostPort(strings.Trim(host, "[]"), "443")
	}
	hasPort := err == nil
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := (&tls.Dialer{}).DialContext(ctx, "tcp", address)
	if err == nil {
		_ = conn.Close() // nothing was said
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.plain == nil {
		c.plain = map[string]bool{}
	}
	switch {
	case errors.As(err, new(tls.RecordHeaderError)), !hasPort && errors.Is(err, syscall.ECONNREFUSED): // port 80 is asked then
		c.plain[host] = true
	case err == nil, errors.As(err, new(*tls.CertificateVerificationError)):
		c.plain[host] = false
	}
	return c.plain[host]
}

// doer is the HTTP client of all registries, with the names and passwords of docker's
// configuration.
func (c *Client) doer() (*auth.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		return c.http, nil
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if c.Auth != "" {
		if _, serr := os.Stat(c.Auth); serr != nil {
			return nil, problem.New(problem.Usage, "name a file as docker's config.json is",
				"names and passwords of registries: %w", serr)
		}
		store, err = credentials.NewStore(c.Auth, credentials.StoreOptions{})
	}
	if err != nil {
		return nil, problem.New(problem.Station, "fix the file, or name another with the setting registry-auth",
			"names and passwords of registries: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() // it is one
	transport.ResponseHeaderTimeout = answerTime
	transport.TLSHandshakeTimeout = connectTime
	transport.DisableCompression = true // a range of a compressed body is none of the blob
	c.http = &auth.Client{Client: &http.Client{Transport: transport, CheckRedirect: stayEncrypted}, Cache: auth.NewCache(),
		Credential: credentials.Credential(store), Header: http.Header{"User-Agent": {"zarya"}}}
	return c.http, nil
}

// stayEncrypted follows no redirection out of TLS, but to this machine.
func stayEncrypted(req *http.Request, via []*http.Request) error {
	if len(via) > 5 {
		return errors.New("redirected too often")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("redirected from https to " + clean(req.URL.Scheme))
	}
	return nil
}

func (h *hub) String() string { return h.name }

func (h *hub) resolve(ctx context.Context, tag string) (string, error) {
	d, err := h.repo.Resolve(ctx, tag)
	if err != nil {
		return "", h.failed(err)
	}
	if !digestForm.MatchString(string(d.Digest)) {
		return "", h.failed(fmt.Errorf("it says that %s is %q", tag, d.Digest))
	}
	return string(d.Digest), nil
}

func (h *hub) url(path string) string {
	return h.scheme + "://" + h.repo.Reference.Host() + "/v2/" + h.repo.Reference.Repository + "/" + path
}

// do asks the registry, for actions on the repository. What is no success is an error.
func (h *hub) do(ctx context.Context, req *http.Request, actions ...string) (*http.Response, error) {
	ctx = auth.AppendRepositoryScope(ctx, h.repo.Reference, actions...)
	resp, err := h.repo.Client.Do(req.WithContext(ctx))
	if err != nil {
		return nil, h.failed(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()                // it says why, at most
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 8<<10)) // as much as comes
	var said struct{ Errors errcode.Errors }
	_ = json.Unmarshal(text, &said) // a proxy answers in other ways
	return nil, h.failed(&errcode.ErrorResponse{Method: req.Method, URL: req.URL, StatusCode: resp.StatusCode, Errors: said.Errors})
}

func (h *hub) read(ctx context.Context, digest string, manifest bool, from int64) (io.ReadCloser, int64, error) {
	kind := "blobs/"
	if manifest {
		kind = "manifests/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url(kind+digest), nil)
	if err != nil {
		return nil, 0, err
	}
	if manifest {
		req.Header.Set("Accept", v1.MediaTypeImageManifest)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
	}
	resp, err := h.do(ctx, req, auth.ActionPull)
	if err != nil {
		return nil, 0, err
	}
	if resp.StatusCode != http.StatusPartialContent {
		return resp.Body, 0, nil
	}
	var first int64
	if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-", &first); err != nil || first != from {
		_ = resp.Body.Close() // nothing of it is used
		return nil, 0, h.failed(fmt.Errorf("asked for the bytes from %d on, it gave %q", from, resp.Header.Get("Content-Range")))
	}
	return resp.Body, first, nil
}

// failed cleans what a registry said.
func (h *hub) failed(err error) error { return &saidError{h.name, err} }

// final reports whether asking again is of no use: the place has answered.
func final(err error) bool {
	var resp *errcode.ErrorResponse
	if errors.As(err, &resp) {
		return resp.StatusCode/100 == 4 && resp.StatusCode != http.StatusRequestTimeout && resp.StatusCode != http.StatusTooManyRequests
	}
	return errors.Is(err, errdef.ErrNotFound) || errors.Is(err, os.ErrNotExist)
}

// trouble is an error of a place, with what a person can do.
func trouble(err error) error {
	if _, ok := problem.KindOf(err); ok {
		return err
	}
	hint := "see that the registry can be reached; what has arrived is kept, and the next try goes on with it"
	var resp *errcode.ErrorResponse
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &resp) && (resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden):
		hint = "docker login HOST, or name a file as docker's config.json is with the setting registry-auth"
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		hint = "docker login HOST, or name a file as docker's config.json is with the setting registry-auth"
	case errors.As(err, &resp) && resp.StatusCode == http.StatusMethodNotAllowed:
		return problem.New(problem.Invalid, "push to the registry's address for writing: this one only gives", "%w", err)
	case final(err):
		return problem.New(problem.Invalid, "check the reference", "%w", err)
	}
	return problem.New(problem.Station, hint, "%w", err)
}

// folder is a folder of the OCI image layout.
type folder string

func (f folder) String() string { return layoutPrefix + string(f) }

// resolve finds a tag in the folder's index; without one there must be one bundle.
func (f folder) resolve(_ context.Context, tag string) (string, error) {
	wrong := func(format string, args ...any) (string, error) {
		return "", problem.New(problem.Invalid, "check the folder: zarya bundle push BUNDLE oci-layout:FOLDER:TAG makes one",
			"%s: "+format, append([]any{f}, args...)...)
	}
	if _, err := os.Stat(string(f)); err != nil {
		return "", problem.New(problem.Station, "put the stick in, or check the name", "%s: %w", f, err)
	}
	if !IsLayout(string(f)) {
		return wrong("is no folder of the OCI image layout")
	}
	r, _, err := f.file("index.json", 0)
	if err != nil {
		return wrong("cannot be read: %w", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(r, maxArtifact+1))
	if err != nil {
		return wrong("cannot be read: %w", err)
	}
	var index v1.Index
	if len(text) > maxArtifact || json.Unmarshal(text, &index) != nil {
		return wrong("has an index that is none")
	}
	found := map[string]bool{}
	for _, d := range index.Manifests {
		if tag == "" || d.Annotations[v1.AnnotationRefName] == tag {
			found[string(d.Digest)] = true
		}
	}
	for d := range found {
		switch {
		case len(found) > 1:
			return wrong("has %d bundles: add :TAG or @DIGEST", len(found))
		case !digestForm.MatchString(d):
			return wrong("says that the bundle is %q", clean(d))
		}
		return d, nil
	}
	if tag == "" {
		return wrong("has no bundle")
	}
	return wrong("has no tag %s", tag)
}

func (f folder) read(_ context.Context, digest string, _ bool, from int64) (io.ReadCloser, int64, error) {
	return f.file(filepath.Join("blobs", "sha256", strings.TrimPrefix(digest, "sha256:")), from)
}

// file opens a file of the folder that is one, and not something that never ends.
func (f folder) file(name string, from int64) (io.ReadCloser, int64, error) {
	path := filepath.Join(string(f), name)
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", path)
	}
	if err != nil {
		return nil, 0, &saidError{f.String(), err}
	}
	r, err := os.Open(path) //nolint:gosec // in the folder that was named
	if err == nil {
		_, err = r.Seek(from, io.SeekStart)
	}
	if err != nil {
		return nil, 0, &saidError{f.String(), err}
	}
	return r, from, nil
}

// sources are the places that are asked for a reference, in order: the mirror first.
func (c *Client) sources(ctx context.Context, r Reference) ([]source, error) {
	if r.Folder != "" {
		return []source{folder(r.Folder)}, nil
	}
	var list []source
	if c.Mirror != "" {
		h, err := c.hub(ctx, strings.TrimSuffix(c.Mirror, "/"), r.Repository)
		if err != nil {
			return nil, err
		}
		list = append(list, h)
	}
	h, err := c.hub(ctx, r.Host, r.Repository)
	return append(list, h), err
}
