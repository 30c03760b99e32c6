package importer_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer"
	"github.com/lading-dev/lading/internal/importer/source"
)

// write writes a file, with its directories.
func write(t *testing.T, raw []byte, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, raw, 0o600))
}

// tells reports whether something was skipped, with this in its reason.
func tells(t *testing.T, r *importer.Report, kind, repo, name, reason string) {
	t.Helper()
	if !slices.ContainsFunc(r.Skipped, func(s importer.Skip) bool {
		return s.Kind == kind && s.Repository == repo && strings.HasPrefix(s.Name, name) && strings.Contains(s.Reason, reason)
	}) {
		t.Errorf("the report does not tell of %s %s %s, %q:\n%s", kind, repo, name, reason, r.Text())
	}
}

// TestDamaged: what is broken at the source is told, with the reason, and all
// else is there; when it was repaired, another import brings it.
func TestDamaged(t *testing.T) {
	eachTarget(t, func(t *testing.T, to *target) {
		dir, w := unpack(t, "distribution-2.8.2"), wanted(t, "distribution-2.8.2")
		data := func(d digest.Digest) string {
			return filepath.Join(dir, "docker/registry/v2/blobs/sha256", d.Encoded()[:2], d.Encoded(), "data")
		}
		things := filepath.Join(dir, "docker/registry/v2/repositories/odd/things")
		flipped, removed, manifest := digest.FromString("layer of an oddity"), digest.FromString(`{"of":"deleted"}`), w.Tags["library/multi:arm64"]
		saved := map[string][]byte{}
		for _, d := range []digest.Digest{flipped, removed, manifest} {
			raw, err := os.ReadFile(data(d))
			must(t, err)
			saved[data(d)] = raw
		}
		write(t, []byte("layer of An oddity"), data(flipped))
		must(t, os.Remove(data(removed)))
		write(t, []byte(strings.ToUpper(string(saved[data(manifest)]))), data(manifest))
		write(t, []byte("no digest"), things, "_manifests/tags/broken/current/link")
		write(t, []byte(digest.FromString("gone")), things, "_manifests/tags/dangling/current/link")
		write(t, []byte(w.Tags["library/small:1"]), things, "_manifests/tags/elsewhere/current/link")
		schema1 := []byte(`{"schemaVersion":1,"name":"odd/things","fsLayers":[],"signatures":[{"signature":"x"}]}`)
		linkTo(t, dir, "odd/things", "schema1", schema1, time.Now())
		linkTo(t, dir, "odd/things", "nojson", []byte("Hello"), time.Now())
		linkTo(t, dir, "odd/things", "bad manifest", []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`), time.Now())
		pushTo(t, dir, "odd/things", "no,tag", time.Now())
		pushTo(t, dir, "Odd/Name", "x", time.Now())

		src := openSource(t, dir, source.Options{})
		r := to.take(src)
		tells(t, r, "blob", "odd/things", string(flipped), "damaged")
		tells(t, r, "manifest", "odd/things", string(w.Tags["odd/things:nomediatype"]), "blobs that it uses could not be had from the source: "+string(flipped))
		tells(t, r, "tag", "odd/things", "nomediatype", "was skipped")
		tells(t, r, "blob", "odd/deleted", string(removed), "does not have it")
		tells(t, r, "tag", "odd/deleted", "stays", "was skipped")
		tells(t, r, "manifest", "library/multi", string(manifest), "damaged")
		tells(t, r, "manifest", "library/multi", string(w.Tags["library/multi:latest"]), "1 of the 2 manifests that it lists could not be had from the source")
		tells(t, r, "tag", "odd/things", "broken", "holds no digest")
		tells(t, r, "tag", "odd/things", "dangling", "not at the source")
		tells(t, r, "tag", "odd/things", "elsewhere", "not at the source")
		tells(t, r, "manifest", "odd/things", string(digest.FromBytes(schema1)), "Docker schema 1")
		tells(t, r, "manifest", "odd/things", string(digest.FromString("Hello")), "not a manifest")
		tells(t, r, "manifest", "odd/things", "", "an image manifest needs a config")
		tells(t, r, "tag", "odd/things", "no,tag", "TAG_INVALID")
		tells(t, r, "repository", "Odd/Name", "", "NAME_INVALID")
		for _, c := range []importer.Count{r.Manifests, r.Tags, r.Blobs} {
			if c.Found != c.Imported+c.Present+c.Skipped {
				t.Errorf("the numbers do not add up: %+v", c)
			}
		}
		for _, tag := range []string{"library/small:1", "library/small:2", "tools/artifact:v1", "a/b/c/d/e/f-g__h.i:deep", "library/multi:amd64"} {
			if it := to.byKey()["tag:"+tag]; it.Descriptor == nil || it.Descriptor.Digest != w.Tags[tag] {
				t.Errorf("%s is missing", tag)
			}
		}

		for name, raw := range saved {
			write(t, raw, name)
		}
		to.take(src)
		to.holdsAlso(w)
	})
}

// holdsAlso is holds where there may be more.
func (to *target) holdsAlso(w want) {
	to.t.Helper()
	items := to.byKey()
	for name, d := range w.Tags {
		if it := items["tag:"+name]; it.Descriptor == nil || it.Descriptor.Digest != d {
			to.t.Errorf("tag %s is missing", name)
		}
	}
}

// TestSparse: a registry that takes indexes without all of their parts takes
// them over; what is broken at the source is told all the same, and comes when
// it was repaired.
func TestSparse(t *testing.T) {
	cfg := config.Default()
	cfg.Manifests.Sparse = config.Allow
	to := open(t, cfg)
	dir, w := unpack(t, "distribution-3.1.2"), wanted(t, "distribution-3.1.2")
	layer := digest.FromString("layer of an oddity")
	name := filepath.Join(dir, "docker/registry/v2/blobs/sha256", layer.Encoded()[:2], layer.Encoded(), "data")
	raw, err := os.ReadFile(name)
	must(t, err)
	write(t, []byte("x"), name)
	src := openSource(t, dir, source.Options{})
	r := to.take(src)
	tells(t, r, "blob", "odd/things", string(layer), "damaged")
	write(t, raw, name)
	if r = to.take(src); len(r.Skipped) > 0 || r.Blobs.Imported == 0 {
		t.Errorf("%+v", r)
	}
	to.holds(w)
}

// TestEmptyFiles: zot may leave an empty file where another repository has the
// bytes of a blob.
func TestEmptyFiles(t *testing.T) {
	dir, w := unpack(t, "zot-2.1.20"), wanted(t, "zot-2.1.20")
	emptied := 0
	for ref := range w.Blobs {
		repo, d, _ := strings.Cut(ref, "@")
		path := filepath.Join(dir, repo, "blobs", strings.Replace(d, ":", "/", 1))
		if _, other := w.Blobs["library/small@"+d]; repo == "library/multi" && other {
			must(t, os.Remove(path)) // it may be a link
			write(t, nil, path)
			emptied++
		}
	}
	for _, only := range []string{"library/multi", ""} { // the other one need not be wanted
		opt := importer.Options{}
		if only != "" {
			opt.Wants, w = importer.Filter([]string{only}, nil), w.only(only, only)
		} else {
			w = wanted(t, "zot-2.1.20")
		}
		to := open(t, config.Default())
		if r := to.takeWith(openSource(t, dir, source.Options{}), opt); len(r.Skipped) > 0 || emptied == 0 {
			t.Errorf("%d emptied: %+v", emptied, r)
		}
		to.holds(w)
	}
}

// TestDamagedCopy: where one repository has a blob damaged and another has it
// whole, both get it.
func TestDamagedCopy(t *testing.T) {
	dir, w := unpack(t, "olareg-0.1.1"), wanted(t, "olareg-0.1.1")
	damaged := 0
	for ref := range w.only("library/small", "").Blobs {
		d := strings.TrimPrefix(ref, "@")
		if _, both := w.Blobs["library/multi@"+d]; both { // which is read first
			write(t, []byte("x"), dir, "library/multi/blobs", strings.Replace(d, ":", "/", 1))
			damaged++
		}
	}
	to := open(t, config.Default())
	if r := to.take(openSource(t, dir, source.Options{})); len(r.Skipped) > 0 || damaged == 0 {
		t.Errorf("%d damaged: %s", damaged, r.Text())
	}
	to.holds(w)
}

// TestStops: an error that everything else would meet ends the import.
func TestStops(t *testing.T) {
	to := open(t, config.Default())
	full := &fullRegistry{Registry: to.srv.Engine()}
	src := openSource(t, unpack(t, "olareg-0.1.1"), source.Options{})
	_, err := importer.Import(t.Context(), src, full, importer.Options{Jobs: 1})
	if lading.AsError(err).Code != lading.CodeStorageFull || full.asked != 1 {
		t.Errorf("%v after %d uploads", err, full.asked)
	}
}

// fullRegistry has no space left.
type fullRegistry struct {
	lading.Registry
	asked int
}

func (r *fullRegistry) StartBlob(context.Context, string, lading.Descriptor) (lading.BlobWriter, error) {
	r.asked++
	return nil, lading.ErrStorageFull
}
