package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lading-dev/lading"
)

// A registry of this project lists all that it holds, manifests without tags
// as well, and when each came: with it an import over HTTP is complete.

// listType is the media type of a page of a listing.
const listType = "application/vnd.lading.list.v1+json"

// listed is how many items are asked for at a time.
const listed = lading.MaxPage

// listing is one page.
type listing struct {
	Items []lading.Item `json:"items"`
}

// lists reports whether the registry has the discovery extension.
func (s *running) lists(ctx context.Context) (bool, error) {
	res, err := s.ask(ctx, "/v2/_lading/list/repositories?n=1")
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	return isListing(res), nil
}

func isListing(res *http.Response) bool {
	return res.StatusCode == http.StatusOK && strings.HasPrefix(res.Header.Get("Content-Type"), listType)
}

func (s *running) ask(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return nil, err
	}
	return s.reg.Client.Do(req)
}

// readListed is Read where the registry lists everything.
func (s *running) readListed(ctx context.Context, repo string) (*Repository, error) {
	r := &Repository{Times: map[lading.Digest]time.Time{}}
	err := s.each(ctx, repo, "manifests", func(it lading.Item) {
		r.Manifests = append(r.Manifests, it.Descriptor.Descriptor)
		if it.Created != nil {
			r.Times[it.Descriptor.Digest] = *it.Created
		}
	})
	if errors.Is(err, ErrNotFound) {
		return s.none()
	}
	if err != nil {
		return nil, fmt.Errorf("list manifests: %w", err)
	}
	err = s.each(ctx, repo, "tags", func(it lading.Item) {
		t := Tag{Name: it.Tag, Digest: it.Descriptor.Digest}
		if it.Modified != nil {
			t.Time = *it.Modified
		}
		r.Tags = append(r.Tags, t)
	})
	if err != nil {
		return nil, fmt.Errorf("list tags: %w", err)
	}
	return r, nil
}

// each calls fn for the items of a repository, a page after the other.
func (s *running) each(ctx context.Context, repo, kind string, fn func(lading.Item)) error {
	for next := fmt.Sprintf("/v2/%s/_lading/list/%s?n=%d", repo, kind, listed); next != ""; {
		page, after, err := s.page(ctx, next)
		if err != nil {
			return err
		}
		for _, it := range page.Items {
			if it.Op == lading.OpPut && it.Descriptor != nil {
				fn(it)
			}
		}
		next = after
	}
	return nil
}

// page reads one page, and where the next one is.
func (s *running) page(ctx context.Context, path string) (page listing, next string, err error) {
	res, err := s.ask(ctx, path)
	if err != nil {
		return page, "", err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNotFound {
		return page, "", ErrNotFound
	}
	if !isListing(res) {
		return page, "", fmt.Errorf("the registry answers %s", res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
		return page, "", err
	}
	next, err = nextPage(res.Header.Values("Link"))
	return page, next, err
}

// nextPage is the path of the link that leads to the next page, or empty
// (RFC 8288).
func nextPage(links []string) (string, error) {
	for _, l := range links {
		target, rel, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "<"), ">")
		if !ok || !strings.Contains(rel, `rel="next"`) {
			continue
		}
		u, err := url.Parse(target)
		if err != nil {
			return "", err
		}
		return u.RequestURI(), nil
	}
	return "", nil
}
