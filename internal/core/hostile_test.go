package core

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
)

// manyTypes are the built-in definitions and so many more, which look at all
// that a manifest has.
func manyTypes(tb testing.TB, n int) *arttype.Set {
	tb.Helper()
	defs, _ := arttype.BuiltIns()
	for i := range n {
		text := fmt.Sprintf(`{"name": "type-%d", "match": [{"annotation": "k%d=v"}, {"annotation": "k%d"}, {"layer": "application/vnd.l%d.*"}, {"layer": "%s*"}, {"layerAnnotation": "k%d"},
			{"artifactType": "application/vnd.a%d", "layer": "x/y%d", "annotation": "z"}], "show": {"a": "/a/0/b", "c": "/c"},
			"configSchema": {"patternProperties": {"^(a|b)*c": {"uniqueItems": true, "items": {"multipleOf": 0.1}}}}, "layers": [{"mediaType": "application/*", "max": 3}]}`,
			i, i, i, i, strings.Repeat("a", i%200)+fmt.Sprint(i), i, i, i)
		d, err := arttype.Parse([]byte(text))
		if err != nil {
			tb.Fatal(err)
		}
		defs = append(defs, arttype.Sourced{Definition: d, Source: arttype.API})
	}
	set, mistakes := arttype.NewSet(defs...)
	if len(mistakes) > 0 {
		tb.Fatal(mistakes[0])
	}
	return set
}

// hostileManifests are as large as manifests may be, each with as much as
// possible of one thing.
func hostileManifests() map[string][]byte {
	const digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	fill := func(begin, end string, item func(i int) string) []byte {
		b := bytes.NewBufferString(begin)
		for i := 0; ; i++ {
			s := item(i)
			if i > 0 {
				s = "," + s
			}
			if b.Len()+len(s)+len(end) > lading.MaxManifestSize {
				return append(b.Bytes(), end...)
			}
			b.WriteString(s)
		}
	}
	image := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":2},`, digest)
	return map[string][]byte{
		"annotations": fill(image+`"layers":[],"annotations":{`, `}}`, func(i int) string { return fmt.Sprintf(`"k%d":"v"`, i) }),
		"layers": fill(image+`"layers":[`, `]}`, func(i int) string {
			return fmt.Sprintf(`{"mediaType":"application/vnd.l%d.x","digest":"%s","size":2}`, i, digest)
		}),
		"long layers": fill(image+`"layers":[`, `]}`, func(i int) string {
			return fmt.Sprintf(`{"mediaType":"%s%d","digest":"%s","size":2,"annotations":{"k%d":"v"}}`, strings.Repeat("a", 240), i, digest, i)
		}),
		"annotated layers": fill(image+`"layers":[`, `]}`, func(i int) string {
			var a []byte
			for j := range 1000 {
				a = fmt.Appendf(a, `"x%d-%d":"",`, i, j)
			}
			return fmt.Sprintf(`{"mediaType":"x/y","digest":"%s","size":2,"annotations":{%s}}`, digest, bytes.TrimSuffix(a, []byte(",")))
		}),
		"children": fill(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[`, `]}`, func(i int) string {
			return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":2}`, digest)
		}),
	}
}

// BenchmarkHostileManifest is what the worst manifests cost before the
// transaction, without types and with those of manyTypes.
func BenchmarkHostileManifest(b *testing.B) {
	set := manyTypes(b, 1000)
	r := &Registry{configs: newConfigCache(1 << 20)}
	for name, raw := range hostileManifests() {
		b.Run(name, func(b *testing.B) {
			var parse, judge time.Duration
			for b.Loop() {
				began := time.Now()
				p, err := parseManifest(lading.Manifest{Bytes: raw})
				if err != nil {
					b.Fatal(err)
				}
				p.refer(nil, false)
				parsed := time.Now()
				if err := r.judge(context.Background(), "acme/web", p, set, arttype.DefaultPolicy()); err != nil {
					b.Fatal(err)
				}
				parse, judge = parse+parsed.Sub(began), judge+time.Since(parsed)
			}
			b.ReportMetric(float64(parse.Microseconds())/float64(b.N)/1000, "ms/parse")
			b.ReportMetric(float64(judge.Microseconds())/float64(b.N)/1000, "ms/types")
		})
	}
}

// hostileConfigs are up to as large as configs that are read.
func hostileConfigs() map[string][]byte {
	to := func(n int, begin, item, end string) []byte {
		count := (n - len(begin) - len(end)) / (len(item) + 1)
		return []byte(begin + strings.TrimSuffix(strings.Repeat(item+",", count), ",") + end)
	}
	const most = arttype.MaxConfig
	return map[string][]byte{
		"deep":         []byte(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)),
		"deep enough":  to(most, strings.Repeat("[", 60), `{"a":{"b":1}}`, strings.Repeat("]", 60)),
		"many values":  to(most, "[", "1", "]"),
		"99,999":       to(200_000, "[", "1", "]"),
		"long string":  []byte(`{"c":"` + strings.Repeat(`\u0007`, most/6-10) + `"}`),
		"long key":     []byte(`{"` + strings.Repeat("ab", most/2-10) + `":1}`),
		"keys":         to(most, `{"a":[],`, `"`+strings.Repeat("ab", 100)+`":[1,2,3]`, "}"),
		"huge numbers": to(most, "[", "1e999999999", "]"),
		"long number":  []byte("[" + strings.Repeat("9", most-2) + "]"),
		"equal":        to(most, `{"abc":[`, "[[[]]]", "]}"),
		"shown":        []byte(`{"a":[{"b":["` + strings.Repeat("x", most/2) + `"]}],"c":["` + strings.Repeat("x", most/4) + `"]}`),
	}
}

// BenchmarkHostileConfig is what the worst configs cost, each of which is read
// once for a type.
func BenchmarkHostileConfig(b *testing.B) {
	typ := manyTypes(b, 1).Type("type-0")
	for name, config := range hostileConfigs() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(config)))
			for b.Loop() {
				readFacts(config, true, typ, true)
			}
		})
	}
}

// Whatever a manifest and its config hold, typing them ends soon, and what is
// kept and told of them is bounded.
func FuzzJudge(f *testing.F) {
	set := manyTypes(f, 20)
	policies := []*arttype.Policy{arttype.DefaultPolicy()}
	for _, text := range []string{`{"scope":{},"validate":"off"}`, `{"scope":{},"unknown":"deny","deny":["helm"]}`} {
		p, err := arttype.ParsePolicy([]byte(text), set)
		if err != nil {
			f.Fatal(err)
		}
		policies = append(policies, p)
	}
	image := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae","size":3},"layers":[],"annotations":{"k1":"v"}}`
	for _, config := range hostileConfigs() {
		for _, mediaType := range []string{"application/vnd.oci.image.config.v1+json", "application/vnd.cncf.helm.config.v1+json", "x/y"} {
			f.Add([]byte(fmt.Sprintf(image, mediaType)), config[:min(len(config), 1000)])
		}
	}
	f.Fuzz(func(t *testing.T, raw, config []byte) {
		p, err := parseManifest(lading.Manifest{Bytes: raw})
		if err != nil || len(config) > catalog.MaxSmallBlob {
			return
		}
		r := &Registry{configs: newConfigCache(1 << 20)}
		if p.config != nil {
			r.configs.pushed("acme/web", p.config.Digest, append([]byte{}, config...))
		}
		for _, policy := range policies {
			began := time.Now()
			err := r.judge(context.Background(), "acme/web", p, set, policy)
			if took := time.Since(began); took > 5*time.Second {
				t.Fatalf("took %v", took)
			}
			if err != nil && lading.AsError(err).Code == lading.CodeInternal {
				t.Fatal(err)
			}
			if len(p.Shown) > lading.MaxShown || p.Shown != "" && !json.Valid([]byte(p.Shown)) || len(p.violations) > 100 {
				t.Fatalf("%d bytes are shown, %d violations", len(p.Shown), len(p.violations))
			}
		}
	})
}
