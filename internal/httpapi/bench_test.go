package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/lading-dev/lading"
)

// still is a registry that answers at once and always the same, so that what
// is measured is this package.
type still struct {
	*memory
	manifest lading.Manifest
	names    lading.Names
	listing  lading.Listing
}

func (s *still) Manifest(context.Context, string, lading.Reference) (lading.Manifest, error) {
	return s.manifest, nil
}

func (s *still) Resolve(context.Context, string, lading.Reference) (lading.Descriptor, error) {
	return lading.Descriptor{MediaType: s.manifest.MediaType, Digest: d256, Size: 1024}, nil
}

func (s *still) ResolveBlob(context.Context, string, lading.Digest) (lading.Descriptor, error) {
	return lading.Descriptor{Digest: d256, Size: 1024}, nil
}

func (s *still) Tags(context.Context, string, string, int) (lading.Names, error) {
	return s.names, nil
}

func (s *still) List(context.Context, lading.Query) (lading.Listing, error) {
	return s.listing, nil
}

func newStill() *still {
	s := &still{
		memory:   newMemory(),
		manifest: lading.Manifest{MediaType: "application/vnd.oci.image.manifest.v1+json", Digest: d256, Bytes: make([]byte, 1024)},
		listing:  lading.Listing{Cursor: "c1"},
	}
	for i := range 100 {
		s.names.Names = append(s.names.Names, fmt.Sprint("v1.2.", i))
		s.listing.Items = append(s.listing.Items, lading.Item{
			Op: lading.OpPut, Key: lading.TagKey("acme/web", s.names.Names[i]), Repository: "acme/web", Incarnation: "f3a1", Rev: int64(i),
			Tag: s.names.Names[i], Type: "helm", Created: &memTime, Modified: &memTime,
			Descriptor: &lading.ItemDescriptor{Descriptor: lading.Descriptor{MediaType: s.manifest.MediaType, Digest: d256, Size: 1024}},
		})
	}
	return s
}

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ head http.Header }

func (n *nowhere) Header() http.Header         { return n.head }
func (n *nowhere) WriteHeader(int)             {}
func (n *nowhere) Write(p []byte) (int, error) { return len(p), nil }

var benches = []struct{ name, method, url string }{
	{"manifest", "GET", "/v2/acme/web/manifests/latest"},
	{"manifestHead", "HEAD", "/v2/acme/web/manifests/" + string(d256)},
	{"blobHead", "HEAD", "/v2/acme/web/blobs/" + string(d256)},
	{"tags100", "GET", "/v2/acme/web/tags/list"},
	{"list100", "GET", "/v2/_lading/list/tags?n=100"},
}

func BenchmarkServe(b *testing.B) {
	api := New(newStill(), Options{})
	for _, c := range benches {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest(c.method, c.url, nil)
			w := &nowhere{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.head)
				api.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range benches {
		u, err := url.Parse(c.url)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.method, u.Path, u.RawQuery); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations holds the hot paths to what they need: the wrapped writer,
// and the values of headers.
func TestAllocations(t *testing.T) {
	api := New(newStill(), Options{})
	for name, most := range map[string]float64{"manifest": 9, "manifestHead": 9, "blobHead": 8} {
		for _, c := range benches {
			if c.name != name {
				continue
			}
			r := httptest.NewRequest(c.method, c.url, nil)
			w := &nowhere{http.Header{}}
			got := testing.AllocsPerRun(100, func() {
				clear(w.head)
				api.ServeHTTP(w, r)
			})
			if got > most {
				t.Errorf("%s: %v allocations, want %v at most", name, got, most)
			}
		}
	}
}
