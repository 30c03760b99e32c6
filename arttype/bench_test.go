package arttype

import (
	"fmt"
	"strings"
	"testing"
)

// facts of the manifests that are pushed, and of some that mean harm.
func benchFacts() map[string]Facts {
	image := Facts{MediaType: "application/vnd.oci.image.manifest.v1+json", Kind: KindManifest, Config: imageConfig,
		Annotations: map[string]string{"org.opencontainers.image.created": "2026-01-01T00:00:00Z", "org.opencontainers.image.revision": "1"}}
	for range 12 {
		image.AddLayer("application/vnd.oci.image.layer.v1.tar+gzip", nil)
	}
	annotated := image
	annotated.Annotations = map[string]string{}
	for i := range 100_000 {
		annotated.Annotations[fmt.Sprintf("org.example.%d", i)] = "x"
	}
	layered := image
	layered.Layers = nil
	for i := range MaxLayers {
		layered.AddLayer(strings.Repeat("a", 240)+fmt.Sprint(i), map[string]string{"k": "v"})
	}
	helm := Facts{Kind: KindManifest, Config: "application/vnd.cncf.helm.config.v1+json", Layers: []string{"application/vnd.cncf.helm.chart.content.v1.tar+gzip"}}
	return map[string]Facts{"image": image, "helm": helm, "hostile-annotations": annotated, "hostile-layers": layered}
}

func BenchmarkMatch(b *testing.B) {
	set := builtIns(b)
	for name, f := range benchFacts() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Match(&f)
			}
		})
	}
}

// BenchmarkMatchManyTypes has as many types as there can be.
func BenchmarkMatchManyTypes(b *testing.B) {
	defs, _ := BuiltIns()
	for i := len(defs); i < MaxTypes; i++ {
		m := fmt.Sprintf(`[{"config":"application/vnd.acme%d.v1+json"},{"layer":"application/vnd.acme%d.*"},{"annotation":"k%d"}]`, i, i, i)
		defs = append(defs, Sourced{Definition: defined(b, fmt.Sprintf("acme-%d", i), m), Source: API})
	}
	set, mistakes := NewSet(defs...)
	if mistakes != nil {
		b.Fatal(mistakes)
	}
	for name, f := range benchFacts() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Match(&f)
			}
		})
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	set := builtIns(t)
	for name, f := range benchFacts() {
		if n := testing.AllocsPerRun(10, func() { set.Match(&f) }); n != 0 {
			t.Errorf("%s: %.0f allocations", name, n)
		}
	}
}
