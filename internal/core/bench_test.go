package core

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/types"
)

var layerTypes = map[string]string{"image": "application/vnd.oci.image.layer.v1.tar+gzip", "chart": "application/vnd.cncf.helm.chart.content.v1.tar+gzip"}

// BenchmarkPutManifest is what typing costs a push: that of a chart, whose
// config is read for its shown fields, and of an image, whose config is read
// for its platform anyway; with a config that was pushed before, as that of a
// chart whose tags move, and with one of its own each time. Pushes with types
// and without take turns, so that the machine's moods meet both alike; their
// medians are reported.
func BenchmarkPutManifest(b *testing.B) {
	for kind, config := range map[string]string{"image": "application/vnd.oci.image.config.v1+json", "chart": "application/vnd.cncf.helm.config.v1+json"} {
		for _, fresh := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fresh=%v", kind, fresh), func(b *testing.B) { benchmarkPut(b, config, layerTypes[kind], fresh) })
		}
	}
}

func benchmarkPut(b *testing.B, configType, layerType string, fresh bool) {
	ctx := see(context.Background(), lading.AllGrants())
	plain, typed := benchRegistries(b)
	config := benchConfig(0)
	for _, r := range []*Registry{plain, typed} {
		pushConfig(ctx, b, r, config)
	}
	var took [2][]time.Duration
	for i := 0; b.Loop(); i++ {
		which, r := i%2, plain
		if which == 1 {
			r = typed
		}
		if fresh {
			config = benchConfig(i)
			pushConfig(ctx, b, r, config)
		}
		raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[{"mediaType":"%s","digest":"%[2]s","size":%[3]d}],"annotations":{"i":"%[5]d"}}`, configType, digestOf(config), len(config), layerType, i)
		began := time.Now()
		if _, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{Tags: []string{"latest"}}); err != nil {
			b.Fatal(err)
		}
		took[which] = append(took[which], time.Since(began))
	}
	for which, name := range []string{"µs/plain", "µs/typed"} {
		if slices.Sort(took[which]); len(took[which]) > 0 {
			b.ReportMetric(float64(took[which][len(took[which])/2].Nanoseconds())/1000, name)
		}
	}
}

// BenchmarkJudge is what typing does before a push's transaction, by itself:
// matching, and the config's reading where it was not read before.
func BenchmarkJudge(b *testing.B) {
	ctx := context.Background()
	for kind, configType := range map[string]string{"image": "application/vnd.oci.image.config.v1+json", "chart": "application/vnd.cncf.helm.config.v1+json"} {
		for _, fresh := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fresh=%v", kind, fresh), func(b *testing.B) {
				_, r := benchRegistries(b)
				config := benchConfig(0)
				d := digestOf(config)
				p, err := parseManifest(lading.Manifest{Bytes: fmt.Appendf(nil, `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[{"mediaType":"%s","digest":"%[2]s","size":%[3]d}]}`, configType, d, len(config), layerTypes[kind])})
				if err != nil {
					b.Fatal(err)
				}
				r.configs.pushed("acme/web", d, []byte(config))
				set, policy, _ := r.opt.Types.For("acme/web")
				b.ReportAllocs()
				for b.Loop() {
					if fresh {
						r.configs.said("acme/web", d, nil)
					}
					if err := r.judge(ctx, "acme/web", p, set, policy); err != nil || p.Shown == "" {
						b.Fatal(p.Shown, err)
					}
				}
			})
		}
	}
}

// benchConfig is the config of a chart and of an image.
func benchConfig(i int) string {
	return fmt.Sprintf(`{"name":"web","version":"1.2.%d","description":"A web server","apiVersion":"v2","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`, i)
}

func pushConfig(ctx context.Context, b *testing.B, r *Registry, config string) {
	w, err := r.StartBlob(ctx, "acme/web", lading.Descriptor{})
	if err == nil {
		_, err = w.Write([]byte(config))
	}
	if err == nil {
		_, err = w.Commit(ctx, digestOf(config))
	}
	if err != nil {
		b.Fatal(err)
	}
}

// benchRegistries are two registries over one catalog, of which only one types.
func benchRegistries(b *testing.B) (plain, typed *Registry) {
	ctx := context.Background()
	db, err := sqldb.Open(ctx, sqldb.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "c.db"), Relaxed: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	cat, err := catalog.Open(ctx, db, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	disc, err := discover.New(ctx, cat, discover.Options{})
	if err != nil {
		b.Fatal(err)
	}
	store, err := types.Open(ctx, cat, types.Options{})
	if err != nil {
		b.Fatal(err)
	}
	return New(cat, blob.NewMemory(), disc, Options{}), New(cat, blob.NewMemory(), disc, Options{Types: store})
}

// BenchmarkMatch is what typing itself costs: to fill the facts and to match
// them with what is built in.
func BenchmarkMatch(b *testing.B) {
	raw := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}`)
	doc, err := readDocument(raw)
	if err != nil {
		b.Fatal(err)
	}
	defs, _ := arttype.BuiltIns()
	set, _ := arttype.NewSet(defs...)
	b.ReportAllocs()
	for b.Loop() {
		f := factsOf("application/vnd.oci.image.manifest.v1+json", doc)
		if t, _ := set.Match(&f); t.Name != "helm" {
			b.Fatal(t.Name)
		}
	}
}
