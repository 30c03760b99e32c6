package core

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/catalog"
)

const (
	anyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	anyDesc   = `{"mediaType":"a/b","digest":"` + anyDigest + `","size":1}`
	imageType = "application/vnd.oci.image.manifest.v1+json"
	indexType = "application/vnd.oci.image.index.v1+json"
)

func TestParseManifest(t *testing.T) {
	for _, test := range []struct {
		name, declared, text string
		want                 *lading.Error // nil: accepted
	}{
		{"image", imageType, `{"schemaVersion":2,"config":` + anyDesc + `,"layers":[]}`, nil},
		{"image without its type", "", `{"schemaVersion":2,"config":` + anyDesc + `,"layers":[]}`, nil},
		{"index", indexType, `{"schemaVersion":2,"manifests":[` + anyDesc + `]}`, nil},
		{"Docker's list", dockerList, `{"schemaVersion":2,"manifests":[]}`, nil},
		{"artifact", ociArtifact, `{"mediaType":"` + ociArtifact + `","artifactType":"a/b","blobs":[` + anyDesc + `]}`, nil},
		{"another type", "application/x", `{"anything":[1,2]}`, nil},
		{"parameters", imageType + "; charset=utf-8", `{"schemaVersion":2,"config":` + anyDesc + `}`, nil},
		{"JSON that says nothing", "application/json", `{}`, lading.ErrManifestInvalid},
		{"not JSON", imageType, `hello`, lading.ErrManifestInvalid},
		{"two types", imageType, `{"schemaVersion":2,"mediaType":"` + indexType + `","config":` + anyDesc + `}`, lading.ErrManifestInvalid},
		{"two readings", imageType, `{"schemaVersion":2,"config":` + anyDesc + `,"manifests":[` + anyDesc + `]}`, lading.ErrManifestInvalid},
		{"an index with layers", indexType, `{"schemaVersion":2,"manifests":[],"layers":[` + anyDesc + `]}`, lading.ErrManifestInvalid},
		{"no config", imageType, `{"schemaVersion":2}`, lading.ErrManifestInvalid},
		{"no schemaVersion", imageType, `{"config":` + anyDesc + `}`, lading.ErrManifestInvalid},
		{"schemaVersion 1", imageType, `{"schemaVersion":1,"config":` + anyDesc + `}`, lading.ErrManifestInvalid},
		{"a bad digest", indexType, `{"schemaVersion":2,"manifests":[{"digest":"sha256:1"}]}`, lading.ErrManifestInvalid},
		{"a digest that climbs", indexType, `{"schemaVersion":2,"manifests":[{"digest":"../../x"}]}`, lading.ErrManifestInvalid},
		{"a bad subject", indexType, `{"schemaVersion":2,"manifests":[],"subject":{"digest":""}}`, lading.ErrManifestInvalid},
		{"a negative size", indexType, `{"schemaVersion":2,"manifests":[{"digest":"` + anyDigest + `","size":-1}]}`, lading.ErrManifestInvalid},
		{"a long artifactType", indexType, `{"schemaVersion":2,"manifests":[],"artifactType":"` + strings.Repeat("a", 256) + `"}`, lading.ErrManifestInvalid},
		{"a zero byte in the artifactType", indexType, `{"schemaVersion":2,"manifests":[],"artifactType":"a\u0000b"}`, lading.ErrManifestInvalid},
		{"a zero byte in the config's type", imageType, `{"schemaVersion":2,"config":{"mediaType":"\u0000","digest":"` + anyDigest + `"}}`, lading.ErrManifestInvalid},
		{"annotations that are no strings", indexType, `{"schemaVersion":2,"manifests":[],"annotations":{"a":1}}`, lading.ErrManifestInvalid},
		{"too large", indexType, `{"x":"` + strings.Repeat("a", lading.MaxManifestSize) + `"}`, lading.ErrManifestTooLarge},
	} {
		_, err := parseManifest(lading.Manifest{MediaType: test.declared, Bytes: []byte(test.text)})
		if test.want == nil && err != nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestExpectedDigest(t *testing.T) {
	raw := []byte(`{"schemaVersion":2,"manifests":[]}`)
	for _, test := range []struct {
		digest lading.Digest
		want   *lading.Error
	}{
		{"", nil},
		{lading.Digest("sha512:" + strings.Repeat("0", 128)), lading.ErrDigestInvalid},
		{anyDigest, lading.ErrDigestInvalid},
		{"sha256:xyz", lading.ErrDigestInvalid},
		{"md5:d41d8cd98f00b204e9800998ecf8427e", lading.ErrDigestInvalid},
	} {
		_, err := parseManifest(lading.Manifest{MediaType: indexType, Digest: test.digest, Bytes: raw})
		if test.want == nil && err != nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%q: %v", test.digest, err)
		}
	}
}

// TestNames holds the hand-written checks against the distribution-spec's
// regular expressions, on texts that are near to names.
func TestNames(t *testing.T) {
	repository := regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	tag := regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`)
	rng := rand.New(rand.NewPCG(1, 2))
	const letters = "az09.__--//A \x00é"
	good := 0
	for range 300_000 {
		b := make([]byte, rng.IntN(9))
		for i := range b {
			b[i] = letters[rng.IntN(len(letters))]
		}
		s := string(b)
		if got, want := validRepository(s), repository.MatchString(s); got != want {
			t.Fatalf("repository %q: %v, want %v", s, got, want)
		}
		if got, want := validTag(s), tag.MatchString(s); got != want {
			t.Fatalf("tag %q: %v, want %v", s, got, want)
		}
		if validRepository(s) {
			good++
		}
	}
	if good < 1000 {
		t.Errorf("%d names of 300,000 were good: too few to say anything", good)
	}
	for n, ok := range map[int]bool{255: true, 256: false} {
		if got := validRepository(strings.Repeat("a", n)); got != ok {
			t.Errorf("a repository of %d characters: %v", n, got)
		}
	}
	for n, ok := range map[int]bool{128: true, 129: false} {
		if got := validTag(strings.Repeat("a", n)); got != ok {
			t.Errorf("a tag of %d characters: %v", n, got)
		}
	}
}

// TestStoredAnnotations: up to the limit they are complete, beyond it the
// first ones by key that fit, marked.
func TestStoredAnnotations(t *testing.T) {
	for _, n := range []int{0, 1, 10, 39, 40, 41, 100} {
		all := map[string]string{}
		for i := range n {
			all[fmt.Sprintf("key%03d", i)] = strings.Repeat("<", 14) // "<" takes six bytes in JSON
		}
		text, cut := strings.CutPrefix(storedAnnotations(all), catalog.TruncatedMark)
		if len(text) > lading.MaxAnnotations {
			t.Errorf("%d annotations: %d bytes", n, len(text))
		}
		full, _ := json.Marshal(all)
		if want := len(full) > lading.MaxAnnotations; cut != want {
			t.Errorf("%d annotations of %d bytes: cut %v", n, len(full), cut)
		}
		if n == 0 {
			continue
		}
		kept := map[string]string{}
		if err := json.Unmarshal([]byte(text), &kept); err != nil {
			t.Fatal(err)
		}
		for k, v := range kept {
			if all[k] != v {
				t.Errorf("%s is %q", k, v)
			}
		}
		if !cut && len(kept) != n || cut && len(kept) == 0 {
			t.Errorf("%d annotations: %d kept", n, len(kept))
		}
	}
}

func TestReferences(t *testing.T) {
	d := func(s string) string {
		return `{"mediaType":"` + s + `","digest":"` + string(lading.Digest(digestOf(s))) + `","size":1}`
	}
	const foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	p, err := parseManifest(lading.Manifest{MediaType: imageType, Bytes: []byte(
		`{"schemaVersion":2,"config":` + d("c/c") + `,"layers":[` + d("l/l") + `,` + d(foreign) + `],"subject":` + d("s/s") + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	p.refer(nil, false)
	if want := []lading.Digest{digestOf("c/c"), digestOf("l/l")}; !slices.Equal(p.Blobs, want) {
		t.Errorf("blobs %v", p.Blobs)
	}
	if p.ArtifactType != "c/c" || p.Subject != digestOf("s/s") {
		t.Errorf("type %s, subject %s", p.ArtifactType, p.Subject)
	}
	p, err = parseManifest(lading.Manifest{MediaType: indexType, Bytes: []byte(`{"schemaVersion":2,"manifests":[
		{"digest":"` + anyDigest + `","size":1,"platform":{"os":"linux","architecture":"arm","variant":"v7"}},
		{"digest":"` + anyDigest + `","size":1,"platform":{"os":"linux","architecture":"amd64"}},
		{"digest":"` + anyDigest + `","size":1,"platform":{"os":"linux","architecture":"amd64"}},
		{"digest":"` + anyDigest + `","size":1,"platform":{"os":"a b","architecture":"c"}}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	p.refer(nil, false)
	if p.Platform != "linux/amd64 linux/arm/v7" {
		t.Errorf("platforms %q", p.Platform)
	}
}
