package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConformanceCommand holds this registry, and one that is none, against
// the protocol.
func TestConformanceCommand(t *testing.T) {
	s := startServing(t, "--data", t.TempDir())
	dir := t.TempDir()
	none := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(none.Close)
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"--list", exitDone, "LIST-1   MUST   repositories are listed"},
		{s.url + " --only DISC --only CURS-4 --only HIDE-1 --report " + dir + "/r.json --junit " + dir + "/j.xml", exitDone, "4 passed, 0 failed, 1 skipped"},
		{s.url + " -q --only DISC", exitDone, "3 passed, 0 failed, 0 skipped\n"},
		{none.URL + " --only DISC-1", exitFailed, "fail DISC-1"},
		{"nowhere", exitFailed, ""},
		{"", exitUsage, ""},
		{s.url + " --header broken", exitUsage, ""},
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), append([]string{"conformance", "discovery"}, strings.Fields(tt.args)...), &stdout, &stderr)
		if code != tt.code || !strings.Contains(stdout.String(), tt.want) {
			t.Errorf("%s: exit code %d, want %d\n%s%s", tt.args, code, tt.code, &stdout, &stderr)
		}
	}
	for name, want := range map[string]string{"r.json": `"id": "CURS-4"`, "j.xml": `<testsuite name="discovery http://`} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, %.300s", name, err, text)
		}
	}
}
