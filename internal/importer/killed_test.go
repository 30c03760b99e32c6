package importer_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/importer/source"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// many is a distribution's directory with so many images, a day apart, each
// with a layer of its own and one that all share.
func many(t *testing.T, images, layer int) string {
	t.Helper()
	dir := t.TempDir()
	blob := func(repo string, raw []byte) ocispec.Descriptor {
		d := digest.FromBytes(raw)
		write(t, raw, dir, "docker/registry/v2/blobs/sha256", d.Encoded()[:2], d.Encoded(), "data")
		write(t, []byte(d), dir, "docker/registry/v2/repositories", repo, "_layers/sha256", d.Encoded(), "link")
		return ocispec.Descriptor{MediaType: "application/vnd.example.x", Digest: d, Size: int64(len(raw))}
	}
	shared := bytes.Repeat([]byte("shared"), layer/6)
	for i := range images {
		repo, own := fmt.Sprintf("team%d/app", i%7), make([]byte, layer)
		rand.Read(own)
		m := ocispec.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
			Config: blob(repo, fmt.Appendf(nil, `{"n":%d}`, i)), Layers: []ocispec.Descriptor{blob(repo, own), blob(repo, shared)}}
		raw, err := json.Marshal(m)
		must(t, err)
		linkTo(t, dir, repo, fmt.Sprintf("v%d", i), raw, time.Date(2022, 1, 1+i, 0, 0, 0, 0, time.UTC))
	}
	return dir
}

// TestKilled kills imports of the real binary at any moment. When one is at
// last left alone, all is as if the first had been.
func TestKilled(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "lading")
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../cmd/lading").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := many(t, 60, 100_000)
	whole := open(t, config.Default())
	begun := time.Now()
	whole.take(openSource(t, dir, source.Options{}))
	takes := time.Since(begun)*2 + 100*time.Millisecond // the binary starts, and waits for the disk
	want := whole.byKey()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		kills, pieces, rounds := 0, 0, 4
		if os.Getenv("LADING_LONG") != "" {
			rounds = 200
		}
		for round := 0; round < rounds || pieces < 2 && round < 40; round++ {
			cfg := config.Default()
			cfg.Data = t.TempDir()
			text := fmt.Sprintf("data: %q\n", cfg.Data)
			if url := fresh(t); url[0] == 'p' {
				cfg.Catalog.URL, cfg.Catalog.Shards = url, 4
				text += fmt.Sprintf("catalog: {url: %q, shards: 4}\n", url)
			}
			file := filepath.Join(t.TempDir(), "lading.yaml")
			write(t, []byte(text), file)
			for runs := 1; ; runs++ {
				limit := time.Duration(mathrand.Int64N(int64(takes)))
				if runs > 20 {
					limit = time.Minute
				}
				done, out := runFor(t, limit, binary, "import", "--config", file, dir)
				if done {
					if runs > 1 {
						pieces++
					}
					break
				}
				if out != "" {
					t.Fatalf("an import failed by itself:\n%s", out)
				}
				kills++
			}
			to := open(t, cfg)
			if got := to.byKey(); !reflect.DeepEqual(got, want) {
				t.Errorf("after %d kills there are %d items, want %d", kills, len(got), len(want))
				for key, it := range want {
					if g := got[key]; !reflect.DeepEqual(g, it) {
						t.Fatalf("%s: %+v created %v modified %v, want %v %v", key, g, g.Created, g.Modified, it.Created, it.Modified)
					}
				}
			}
			if r := to.take(openSource(t, dir, source.Options{})); r.Blobs.Present != r.Blobs.Found || r.Manifests.Present != 60 {
				t.Errorf("not all was there: %s", r.Text())
			}
		}
		t.Logf("%d kills; %d imports done in pieces", kills, pieces)
		if pieces == 0 {
			t.Error("no import was interrupted: the test has tested nothing")
		}
	})
}

// runFor runs a command and kills it after a while. It is done when it ended
// well before; out is what it wrote when it failed by itself.
func runFor(t *testing.T, limit time.Duration, name string, args ...string) (done bool, out string) {
	t.Helper()
	var text bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &text, &text
	must(t, cmd.Start())
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if timer.Stop() {
		if err != nil {
			return false, text.String()
		}
		return true, ""
	}
	return err == nil, ""
}
