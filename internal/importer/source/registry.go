package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"github.com/lading-dev/lading"
)

// running reads a registry over /v2/. It finds what has a tag, what an index
// lists, and what refers to either; untagged manifests that nothing leads to
// cannot be listed over the distribution-spec's API, but with the discovery
// extension.
type running struct {
	reg   *remote.Registry
	url   string
	names []string // the only repositories wanted, or none
	full  bool     // it lists all that it holds
}

func openRegistry(ctx context.Context, place string, opt Options) (Source, error) {
	u, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || strings.Trim(u.Path, "/") != "" || u.User != nil || u.RawQuery != "" {
		return nil, fmt.Errorf("%s: write the scheme and the host alone; credentials are taken from the docker configuration, repositories are named by flags", u.Redacted())
	}
	store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the docker configuration: %w", err)
	}
	reg, err := remote.NewRegistry(u.Host)
	if err != nil {
		return nil, err
	}
	reg.PlainHTTP = u.Scheme == "http"
	reg.Client = &auth.Client{
		Client:     &http.Client{Transport: bytesTell{retry.NewTransport(opt.Transport)}},
		Header:     http.Header{"User-Agent": {"lading-import"}},
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(store),
	}
	reg.HandleWarning = func(w remote.Warning) {
		opt.Logger.WarnContext(ctx, "the source warns", slog.String("text", w.Text))
	}
	if err := reg.Ping(ctx); err != nil {
		return nil, fmt.Errorf("%s does not answer as a registry: %w", u.Redacted(), err)
	}
	s := &running{reg: reg, url: u.Scheme + "://" + u.Host, names: opt.Repositories}
	s.full, err = s.lists(ctx)
	return s, err
}

func (s *running) Kind() Kind { return Registry }
func (s *running) Describe() string {
	if s.full {
		return "the registry at " + s.url + ", which lists all that it holds"
	}
	return "the registry at " + s.url + ", which lists what has a tag"
}

func (s *running) Close() error { return nil }

// Repositories implements Source.
func (s *running) Repositories(ctx context.Context) ([]string, error) {
	if len(s.names) > 0 {
		return slices.Sorted(slices.Values(s.names)), nil
	}
	var names []string
	err := s.reg.Repositories(ctx, "", func(page []string) error {
		names = append(names, page...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the registry does not list its repositories; name them: --repo NAME: %w", err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (s *running) repository(ctx context.Context, name string) (*remote.Repository, error) {
	r, err := s.reg.Repository(ctx, name)
	if err != nil {
		return nil, err
	}
	repo, ok := r.(*remote.Repository)
	if !ok {
		return nil, fmt.Errorf("a repository is a %T", r)
	}
	// Fallback tags are found among the tags.
	return repo, repo.SetReferrersCapability(true)
}

// Read implements Source.
func (s *running) Read(ctx context.Context, name string) (*Repository, error) {
	if s.full {
		return s.readListed(ctx, name)
	}
	repo, err := s.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	var tags []string
	err = repo.Tags(ctx, "", func(page []string) error {
		tags = append(tags, page...)
		return nil
	})
	if isNotFound(err) {
		return s.none() // the catalog may name what has no tags
	}
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	r := &Repository{}
	for _, tag := range tags {
		desc, err := repo.Resolve(ctx, tag)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			r.Problems = append(r.Problems, Problem{tag, err})
			continue
		}
		r.Manifests = append(r.Manifests, desc)
		r.Tags = append(r.Tags, Tag{Name: tag, Digest: desc.Digest})
	}
	return r, nil
}

// none is what a repository holds that is not there: an error where it was
// asked for by its name.
func (s *running) none() (*Repository, error) {
	if len(s.names) > 0 {
		return nil, ErrNotFound
	}
	return &Repository{}, nil
}

// Manifest implements Source.
func (s *running) Manifest(ctx context.Context, name string, d lading.Digest) (Payload, error) {
	repo, err := s.repository(ctx, name)
	if err != nil {
		return Payload{}, err
	}
	desc, body, err := repo.Manifests().FetchReference(ctx, string(d))
	if isNotFound(err) {
		return Payload{}, ErrNotFound
	}
	if err != nil {
		return Payload{}, err
	}
	defer body.Close()
	raw, err := readManifest(body)
	return Payload{Bytes: raw, MediaType: desc.MediaType}, err
}

// Referrers implements Referrer. A registry without that API has none but
// those of fallback tags.
func (s *running) Referrers(ctx context.Context, name string, d lading.Digest) ([]lading.Descriptor, error) {
	if s.full {
		return nil, nil // Read found them
	}
	repo, err := s.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	var out []lading.Descriptor
	err = repo.Referrers(ctx, lading.Descriptor{Digest: d}, "", func(page []lading.Descriptor) error {
		out = append(out, page...)
		return nil
	})
	if errors.Is(err, errdef.ErrUnsupported) || isNotFound(err) || isStatus(err, http.StatusMethodNotAllowed) || isStatus(err, http.StatusNotImplemented) || isStatus(err, http.StatusBadRequest) {
		return nil, nil
	}
	return out, err
}

// Blob implements Source.
func (s *running) Blob(ctx context.Context, name string, desc lading.Descriptor) (io.ReadCloser, error) {
	repo, err := s.repository(ctx, name)
	if err != nil {
		return nil, err
	}
	body, err := repo.Blobs().Fetch(ctx, desc)
	if isNotFound(err) {
		return nil, ErrNotFound
	}
	return body, err
}

// bytesTell drops what a registry says of a blob's digest: the bytes tell.
// distribution names the SHA-256 of a blob that was pushed, and is asked for,
// under another algorithm.
type bytesTell struct{ http.RoundTripper }

func (t bytesTell) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.RoundTripper.RoundTrip(req)
	if err == nil && strings.Contains(req.URL.Path, "/blobs/") {
		res.Header.Del("Docker-Content-Digest")
	}
	return res, err
}

func isNotFound(err error) bool {
	return errors.Is(err, errdef.ErrNotFound) || isStatus(err, http.StatusNotFound)
}

func isStatus(err error, status int) bool {
	var res *errcode.ErrorResponse
	return errors.As(err, &res) && res.StatusCode == status
}
