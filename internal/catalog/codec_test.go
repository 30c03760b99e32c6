package catalog

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func randomDigest(rng *rand.Rand) digest.Digest {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	algs := []digest.Algorithm{digest.SHA256, digest.SHA384, digest.SHA512}
	return algs[rng.IntN(3)].FromBytes(b)
}

// TestDigestCodec: what is stored comes back, and sorts as its text does.
func TestDigestCodec(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var all []digest.Digest
	for range 2000 {
		all = append(all, randomDigest(rng))
	}
	byText, byBytes := slices.Clone(all), slices.Clone(all)
	slices.Sort(byText)
	slices.SortFunc(byBytes, func(a, b digest.Digest) int { return bytes.Compare(EncodeDigest(a), EncodeDigest(b)) })
	if !slices.Equal(byText, byBytes) {
		t.Error("stored digests do not sort as their text")
	}
	for _, d := range append(all, "", "blake3:ab", "sha256:short", "sha256:"+digest.Digest(strings.Repeat("G", 64)), "x") {
		if got, err := DecodeDigest(EncodeDigest(d)); err != nil || got != d {
			t.Errorf("%q came back as %q: %v", d, got, err)
		}
	}
	if _, err := DecodeDigest([]byte{9, 1, 2}); err == nil {
		t.Error("an unknown algorithm was decoded")
	}
}

func FuzzDecodeDigest(f *testing.F) {
	f.Add([]byte{1, 2, 3})
	f.Add([]byte{0xff, 'a'})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := DecodeDigest(b)
		if err != nil || b == nil || len(b) == 0 {
			return
		}
		if back, err := DecodeDigest(EncodeDigest(d)); err != nil || back != d {
			t.Fatalf("%x is %q, and that %q: %v", b, d, back, err)
		}
	})
}

// TestBound: a bound and its stored form part names in the same way.
func TestBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	text := func(letters string) string {
		b := make([]byte, rng.IntN(5))
		for i := range b {
			b[i] = letters[rng.IntN(len(letters))]
		}
		return string(b)
	}
	for range 200_000 {
		name, s := text("-./09_az"), text("-/az\x00\x01 !~\x7f\x80\xc3\xff")
		if (name >= s) != (name >= bound(s)) {
			t.Fatalf("%q >= %q is %v, but not with %q", name, s, name >= s, bound(s))
		}
		if strings.ContainsAny(bound(s), "\x00") || strings.ToValidUTF8(bound(s), "") != bound(s) {
			t.Fatalf("the bound %q of %q cannot be stored", bound(s), s)
		}
	}
}

func TestInArgs(t *testing.T) {
	for n := 1; n <= inStep; n++ {
		vs := make([]int64, n)
		for i := range vs {
			vs[i] = int64(i)
		}
		args := inArgs([]any{"first"}, vs)
		if len(args) != 1+inSize(n) || inSize(n) < n || inSize(n) > 2*n || args[n] != int64(n-1) || args[len(args)-1] != int64(n-1) {
			t.Fatalf("%d values make %v", n, args)
		}
	}
}

func TestReferences(t *testing.T) {
	got := References([]byte(`{"config":{"digest":"c"},"layers":[{"digest":"b"},{"digest":"b"}],"blobs":[{"digest":"a"}],"manifests":[{"digest":"d"}],"subject":{"digest":"x"}}`))
	if want := []digest.Digest{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("references %v, want %v", got, want)
	}
	if References([]byte(`no`)) != nil {
		t.Error("references of what is no manifest")
	}
}
