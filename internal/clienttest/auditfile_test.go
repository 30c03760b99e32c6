package clienttest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lading-dev/lading"
)

// putTag pushes an index, and wants it acknowledged.
func putTag(t *testing.T, addr, tag string) {
	t.Helper()
	const body = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	r, err := http.NewRequest("PUT", "http://"+addr+"/v2/acme/web/manifests/"+tag, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated {
		t.Fatal(res.Status)
	}
}

// TestAuditFileAfterKill: each push that was acknowledged is in the file of
// records, also where the registry was killed before it was written.
func TestAuditFileAfterKill(t *testing.T) {
	eachFile(t, func(t *testing.T, file string) {
		path := filepath.Join(t.TempDir(), "audit.ndjson")
		writeFile(t, file, readFile(t, file)+"audit: {file: \""+path+"\"}\n")
		const rounds, each = 4, 40
		for i := range rounds {
			r := startRegistry(t, file)
			for j := range each {
				putTag(t, r.addr, fmt.Sprintf("t%d-%d", i, j))
			}
			if i%2 == 1 { // some are written
				waitFor(t, "a line", func() bool { text, err := os.ReadFile(path); return err == nil && len(text) > 0 })
			}
			r.kill()
		}
		startRegistry(t, file)
		waitFor(t, "each push in the file", func() bool {
			seen := map[string]bool{}
			for line := range strings.Lines(readFile(t, path)) {
				var rec lading.AuditRecord
				if json.Unmarshal([]byte(line), &rec) == nil {
					seen[strings.Join(rec.Tags, ",")] = true
				}
			}
			return len(seen) == rounds*each
		})
	})
}

// TestAuditOnStdout: standard output has records and nothing else, so that what
// collects it can read each line.
func TestAuditOnStdout(t *testing.T) {
	file := configFile(t, "")
	writeFile(t, file, readFile(t, file)+"audit: {file: \"-\"}\n")
	cmd := exec.Command(binary, "serve", "--config", file)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	log := bufio.NewReader(stderr)
	line, err := log.ReadString('\n')
	_, rest, found := strings.Cut(line, "://")
	if err != nil || !found {
		t.Fatalf("no address in the first line of standard error, %q: %v", line, err)
	}
	go log.WriteTo(new(strings.Builder))
	addr, _, _ := strings.Cut(rest, " ")
	putTag(t, addr, "v1")
	out := bufio.NewScanner(stdout)
	if !out.Scan() {
		t.Fatal(out.Err())
	}
	cmd.Process.Signal(syscall.SIGTERM)
	var rec lading.AuditRecord
	if err := json.Unmarshal(out.Bytes(), &rec); err != nil || rec.Action != "manifest_put" || rec.ID == "" {
		t.Errorf("%s: %v", out.Text(), err)
	}
	for out.Scan() {
		t.Errorf("and %s", out.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
