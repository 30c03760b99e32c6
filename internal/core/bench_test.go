package core

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/discover"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/types"
)

// BenchmarkPutManifest is what typing costs a push: that of a chart, whose
// config is read for its shown fields, and of an image, whose config is read
// for its platform anyway.
func BenchmarkPutManifest(b *testing.B) {
	for _, typed := range []bool{false, true} {
		for kind, config := range map[string]string{"image": "application/vnd.oci.image.config.v1+json", "chart": "application/vnd.cncf.helm.config.v1+json"} {
			b.Run(fmt.Sprintf("%s/typed=%v", kind, typed), func(b *testing.B) { benchmarkPut(b, typed, config) })
		}
	}
}

func benchmarkPut(b *testing.B, typed bool, configType string) {
	ctx := see(context.Background(), lading.AllGrants())
	db, err := sqldb.Open(ctx, sqldb.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "c.db"), Relaxed: true})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	cat, err := catalog.Open(ctx, db, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	disc, err := discover.New(ctx, cat, discover.Options{})
	if err != nil {
		b.Fatal(err)
	}
	var opt Options
	if typed {
		store, err := types.Open(ctx, cat, types.Options{})
		if err != nil {
			b.Fatal(err)
		}
		opt.Types = store
	}
	r := New(cat, blob.NewMemory(), disc, opt)
	config := `{"name":"web","version":"1.2.3","description":"A web server","apiVersion":"v2","os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`
	d := digestOf(config)
	if err := cat.LinkBlob(ctx, "acme/web", catalog.Blob{Digest: d, Size: int64(len(config)), Bytes: []byte(config)}); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		raw := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"%s","digest":"%s","size":%d},"layers":[],"annotations":{"i":"%d"}}`, configType, d, len(config), i)
		if _, err := r.PutManifest(ctx, "acme/web", lading.Manifest{Bytes: []byte(raw)}, lading.PutOptions{Tags: []string{"latest"}}); err != nil {
			b.Fatal(err)
		}
	}
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
