package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/importer"
)

// layout writes an OCI layout with one manifest, tagged, and one blob, and
// returns its directory.
func layout(t *testing.T, config string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		t.Fatal(err)
	}
	d := digest.FromString(config)
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.example.x","digest":"` + string(d) + `","size":2},"layers":[]}`
	m := digest.FromString(manifest)
	write(t, filepath.Join(blobs, d.Encoded()), config)
	write(t, filepath.Join(blobs, m.Encoded()), manifest)
	write(t, filepath.Join(dir, "oci-layout"), `{"imageLayoutVersion":"1.0.0"}`)
	write(t, filepath.Join(dir, "index.json"), `{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"`+string(m)+`","size":1,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`)
	return dir
}

// command runs a command line.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, log bytes.Buffer
	code = run(t.Context(), args, &out, &log)
	return code, out.String(), log.String()
}

func TestImport(t *testing.T) {
	data, src := filepath.Join(t.TempDir(), "data"), layout(t, "{}")
	code, out, log := command(t, "import", "--dry-run", "--data", data, src)
	if _, err := os.Stat(data); code != exitDone || !strings.Contains(out, "manifests  1\n") || err == nil {
		t.Errorf("a dry run: %d\n%s%s, %v", code, out, log, err)
	}
	code, out, log = command(t, "import", "--data", data, "--as", "team/app", src)
	if code != exitDone || !strings.Contains(log, "found an OCI layout in "+src) || !strings.Contains(log, "putting: ") || !strings.Contains(out, "tags       1: 1 imported, 0 here already\n") {
		t.Errorf("import: %d\n%s%s", code, out, log)
	}
	code, out, log = command(t, "import", "--data", data, "--as", "team/app", "-q", "-o", "json", src)
	var r importer.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != exitDone || log != "" || r.Manifests.Present != 1 || r.Skipped == nil {
		t.Errorf("again: %d, %v\n%s%s", code, err, out, log)
	}

	s := startServing(t, "--data", data)
	res, err := http.Get(s.url + "/v2/team/app/manifests/v1")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Error("the tag that was imported:", res.Status)
	}
	code, _, log = command(t, "import", "--data", data, src)
	if code != exitFailed || !strings.Contains(log, "is running: stop it first") {
		t.Errorf("while it runs: %d %s", code, log)
	}
	// Another registry takes over from this one, over HTTP.
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	code, out, log = command(t, "import", "--data", filepath.Join(t.TempDir(), "other"), "--prefix", "team", "--rename", "team=t", s.url)
	if code != exitDone || !strings.Contains(out, "tags       1: 1 imported") {
		t.Errorf("from a registry: %d\n%s%s", code, out, log)
	}
}

func TestImportFails(t *testing.T) {
	src := layout(t, "{}")
	damaged := layout(t, `{"a":1}`)
	write(t, filepath.Join(damaged, "blobs", "sha256", digest.FromString(`{"a":1}`).Encoded()), "[]")
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"", exitUsage, "accepts 1 arg(s)"},
		{src + " --from harbour", exitUsage, `"harbour" is not a kind of source: write one of [auto distribution zot`},
		{src + " --rename x", exitUsage, `"x" is not OLD=NEW`},
		{src + " -o xml", exitUsage, `"xml" is no form of a summary`},
		{src + " --jobs -1", exitUsage, "less than one"},
		{src + " --config /none", exitUsage, "no such file"},
		{src + "/none", exitFailed, "does not exist"},
		{src + "/index.json", exitFailed, "not a tar file of an OCI layout"},
		{damaged, exitFailed, "3 things could not be taken over"},
		{damaged, exitFailed, "the bytes at the source are damaged"},
		{src + " --as Bad", exitFailed, "repository Bad: NAME_INVALID"},
	} {
		args := append([]string{"import", "--data", filepath.Join(t.TempDir(), "data")}, strings.Fields(tt.args)...)
		code, out, log := command(t, args...)
		if code != tt.code || !strings.Contains(out+log, tt.want) {
			t.Errorf("%v: %d\n%s%s", tt.args, code, out, log)
		}
	}
}
