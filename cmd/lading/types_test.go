package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/cli"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// runningRegistry returns the URL of a registry.
func runningRegistry(t *testing.T) string {
	t.Helper()
	cfg := config.Default()
	cfg.Data = filepath.Join(t.TempDir(), "data")
	s, err := server.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		srv.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return srv.URL
}

func TestTypes(t *testing.T) {
	dir := t.TempDir()
	good, bad, twin := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json"), filepath.Join(dir, "twin.json")
	write(t, good, `{"name": "recipe", "match": [{"artifactType": "application/vnd.acme.recipe.v1"}], "logo": "recipe.svg"}`)
	write(t, filepath.Join(dir, "recipe.svg"), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M7 7h7"/></svg>`)
	write(t, bad, "{\n\"name\": \"bad\",\n\"match\": [{\"colour\": \"red\"}]}")
	write(t, twin, `{"name": "twin", "match": [{"artifactType": "application/vnd.acme.recipe.v1"}]}`)
	srv := runningRegistry(t)
	at := " --registry " + srv
	for _, tt := range []struct {
		args string
		code int
		want string
	}{
		{"types", exitDone, "lading types [command]"},
		{"types ls", exitDone, "helm "},
		{"types show helm", exitDone, `"name": "helm"`},
		{"types show nobody", cli.ExitNotFound, "there is no definition nobody"},
		{"types check " + good, exitDone, good + " is good: the type recipe"},
		{"types check " + bad, exitFailed, bad + ":3: /match/0/colour: is not a field that is known here"},
		{"types check " + bad + " " + good, exitFailed, "1 of 2 files cannot be used"},
		{"types check " + good + " " + twin, exitFailed, `the type "recipe" has the same match`},
		{"types check " + dir + "/none.json", exitFailed, "cannot be read"},
		{"types check", exitUsage, "requires at least 1 arg(s)"},
		{"types apply " + good, exitUsage, "say which registry, with --registry HOST"},
		{"types apply " + good + " --registry http://", exitUsage, "does not begin with the host of a registry"},
		{"types ls --cert " + good + at, exitUsage, "--cert: 127.0.0.1:"},
		{"types ls --ca-file " + good + at, exitUsage, "--ca-file: " + good + ": there is no certificate (PEM) in it"},
		{"types ls --registry " + strings.TrimPrefix(srv, "http://"), exitDone, "helm "},
		{"types ls --stats", exitUsage, "say which, with --registry"},
		{"types apply " + bad + at, exitFailed, "/match/0/colour"},
		{"types apply " + good + at, exitDone, "the type recipe is in use"},
		{"types apply " + twin + at, exitFailed, twin + `:1: /match: the type "recipe" has the same match`},
		{"types ls" + at, exitDone, "recipe                   api"},
		{"types ls --stats" + at, exitDone, "recipe                   api       0          recipe\n"},
		{"types show recipe" + at, exitDone, "M7 7h7"},
		{"__complete types rm" + at + " re", exitDone, "recipe\n"},
		{"__complete types show he", exitDone, "helm\n"},
		{"__complete types apply " + dir, exitDone, "json\n:8"},
		{"types rm helm" + at, cli.ExitDenied, "it cannot be deleted, only overridden"},
		{"types rm recipe" + at, exitDone, "recipe: the definition is removed"},
		{"types rm recipe" + at, cli.ExitNotFound, "404 Not Found: there is no definition of that name"},
	} {
		code, out, log := command(t, strings.Fields(tt.args)...)
		if code != tt.code || !strings.Contains(out+log, tt.want) {
			t.Errorf("%s: %d, want %d with %q\n%s%s", tt.args, code, tt.code, tt.want, out, log)
		}
	}
}
