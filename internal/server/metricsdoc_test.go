package server_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`)
	docRow     = regexp.MustCompile("(?m)^\\| `(lading_[a-z_]+)(?:\\{([a-z,]+)\\})?` \\| (\\w+) \\| .+ \\|$")
	metricName = regexp.MustCompile(`\b(?:lading|process|go)_[a-z_]+\b`)
)

// exposedTypes are the metrics of the real registry, by name, with their type.
func exposedTypes(t *testing.T, s *server.Server) map[string]string {
	push(t, s)
	status, text := ask(s, "/metrics")
	if status != 200 {
		t.Fatal(text)
	}
	types := map[string]string{}
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		types[m[1]] = m[2]
	}
	return types
}

// TestMetricsAreDocumented compares docs/metrics.md with what the registry
// exposes, and looks up every name that the dashboard and the alerts use.
func TestMetricsAreDocumented(t *testing.T) {
	eachRegistry(t, func(t *testing.T, s *server.Server, cfg config.Config) {
		types := exposedTypes(t, s)
		doc, err := os.ReadFile("../../docs/metrics.md")
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, m := range docRow.FindAllStringSubmatch(string(doc), -1) {
			told[m[1]] = m[3]
		}
		for name, kind := range types {
			if strings.HasPrefix(name, "lading_") && told[name] != kind {
				t.Errorf("%s is a %s, and docs/metrics.md tells of a %q", name, kind, told[name])
			}
		}
		for name := range told {
			if types[name] == "" && (cfg.Catalog.URL == "" || !strings.HasPrefix(name, "lading_sqlite_")) {
				t.Errorf("docs/metrics.md tells of %s, which is not exposed", name)
			}
		}
		if cfg.Catalog.URL == "" {
			checkNames(t, types, "docs/metrics.md", string(doc))
			for _, expr := range dashboard(t) {
				checkNames(t, types, "deploy/grafana.json", expr)
				if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
					t.Errorf("brackets in %s", expr)
				}
			}
		}
	})
}

// checkNames looks up the names in a text; a histogram has three more.
func checkNames(t *testing.T, types map[string]string, where, text string) {
	for _, name := range metricName.FindAllString(text, -1) {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if b, ok := strings.CutSuffix(name, suffix); ok && types[b] == "histogram" {
				base = b
			}
		}
		if types[base] == "" && !strings.HasSuffix(name, "_") {
			t.Errorf("%s uses %s, which is not exposed", where, name)
		} else if types[base] == "histogram" && base == name && where != "docs/metrics.md" {
			t.Errorf("%s uses %s, which is a histogram", where, name)
		}
	}
}

// dashboard returns every query of the dashboard.
func dashboard(t *testing.T) []string {
	text, err := os.ReadFile("../../deploy/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Templating struct{ List []struct{ Query string } }
		Panels     []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	queries, ids := map[string]bool{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("panel %d is there twice", p.ID)
		}
		ids[p.ID] = true
		for _, q := range p.Targets {
			queries[q.Expr] = true
		}
	}
	for _, v := range d.Templating.List {
		queries[v.Query] = true
	}
	if len(queries) < 30 {
		t.Fatalf("only %d queries found", len(queries))
	}
	return slices.Sorted(maps.Keys(queries))
}
