package config_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

func TestDefaultPasses(t *testing.T) {
	if err := config.Default().Check(); err != nil {
		t.Error(err)
	}
}

func TestListen(t *testing.T) {
	tests := []struct {
		listen   string
		insecure bool
		wrong    string // part of the message; empty: allowed
	}{
		{"127.0.0.1:5000", false, ""},
		{"127.9.9.9:0", false, ""},
		{"[::1]:5000", false, ""},
		{"[::ffff:127.0.0.1]:5000", false, ""},
		{"localhost:5000", false, ""},
		{"LocalHost:5000", false, ""},
		{":5000", false, "can be reached"},
		{"0.0.0.0:5000", false, "can be reached"},
		{"[::]:5000", false, "can be reached"},
		{"10.0.0.1:5000", false, "can be reached"},
		{"localhost.example.com:5000", false, "can be reached"},
		{"127.0.0.1.example.com:5000", false, "can be reached"},
		{":5000", true, ""},
		{"registry.example:5000", true, ""},
		{"5000", true, "is not an address"},
		{"", true, "is not an address"},
		{"127.0.0.1", true, "is not an address"},
		{"::1:5000", true, "is not an address"},
		{"127.0.0.1:65536", true, "is not a port"},
		{"127.0.0.1:-1", true, "is not a port"},
		{"127.0.0.1:http", true, "is not a port"},
		{"127.0.0.1:", true, "is not a port"},
		{"127.0.0.1:05000", true, "write it as 5000"},
	}
	for _, tt := range tests {
		c := config.Default()
		c.Listen, c.InsecureNoAuth = tt.listen, tt.insecure
		checkFor(t, tt.listen, c, "listen", tt.wrong)
	}
}

func TestBounds(t *testing.T) {
	tests := []struct {
		name, key, wrong string
		change           func(*config.Config)
	}{
		{"no data", "data", "is empty", func(c *config.Config) { c.Data = "" }},
		{"NUL", "data", "NUL", func(c *config.Config) { c.Data = "a\x00b" }},
		{"durability", "durability", "write full or relaxed", func(c *config.Config) { c.Durability = "sync" }},
		{"postgresql", "catalog.url", "", func(c *config.Config) { c.Catalog.URL = "postgresql:///x?host=/run" }},
		{"not a URL", "catalog.url", "is not the URL", func(c *config.Config) { c.Catalog.URL = "postgres://%zz" }},
		{"a file", "catalog.url", "is not the URL", func(c *config.Config) { c.Catalog.URL = "catalog.db" }},
		{"sparse manifests", "manifests.sparse", "", func(c *config.Config) { c.Manifests.Sparse = config.Allow }},
		{"perhaps sparse manifests", "manifests.sparse", "allow or deny", func(c *config.Config) { c.Manifests.Sparse = "maybe" }},
		{"no shards", "catalog.shards", "1 to 64", func(c *config.Config) { c.Catalog.Shards = 0 }},
		{"65 shards", "catalog.shards", "1 to 64", func(c *config.Config) { c.Catalog.Shards = 65 }},
		{"64 shards", "catalog.shards", "", func(c *config.Config) { c.Catalog.Shards = 64 }},
		{"no header timeout", "http.header_timeout", "1s to 10m", func(c *config.Config) { c.HTTP.HeaderTimeout = 0 }},
		{"long body idle", "http.body_idle", "1s to 1h", func(c *config.Config) { c.HTTP.BodyIdle = 2 * time.Hour }},
		{"no idle timeout", "http.idle_timeout", "1s to 1h", func(c *config.Config) { c.HTTP.IdleTimeout = -1 }},
		{"small header", "http.max_header", "1KiB is out of bounds", func(c *config.Config) { c.HTTP.MaxHeader = 1024 }},
		{"short audit", "audit.retention", "1d to", func(c *config.Config) { c.Audit.Retention = time.Hour }},
		{"short journal", "retention.journal", "1d to", func(c *config.Config) { c.Retention.Journal = 23 * time.Hour }},
		{"tombstones", "retention.tombstones", "shorter than retention.journal, 30d",
			func(c *config.Config) { c.Retention.Tombstones = 29 * 24 * time.Hour }},
		{"equal", "retention.tombstones", "", func(c *config.Config) { c.Retention.Tombstones = c.Retention.Journal }},
		{"uploads", "retention.uploads", "1m to", func(c *config.Config) { c.Retention.Uploads = 0 }},
		{"orphans", "retention.orphans", "1m to", func(c *config.Config) { c.Retention.Orphans = time.Second }},
		{"orphans for ever", "retention.orphans", "", func(c *config.Config) { c.Retention.Orphans = 0 }},
		{"no drain", "http.drain_time", "", func(c *config.Config) { c.HTTP.DrainTime = 0 }},
		{"long drain", "http.drain_time", "0s to 1h", func(c *config.Config) { c.HTTP.DrainTime = 2 * time.Hour }},
		{"no connections", "limits.connections", "1 to 1000000", func(c *config.Config) { c.Limits.Connections = 0 }},
		{"many requests", "limits.requests", "1 to 1000000", func(c *config.Config) { c.Limits.Requests = 1_000_001 }},
		{"no streams", "limits.streams", "1 to 1000000", func(c *config.Config) { c.Limits.Streams = 0 }},
		{"sample", "tracing.sample", "0 to 1", func(c *config.Config) { c.Tracing.Sample = 1.5 }},
		{"not a sample", "tracing.sample", "0 to 1", func(c *config.Config) { c.Tracing.Sample = math.NaN() }},
		{"collector", "tracing.endpoint", "write http://", func(c *config.Config) { c.Tracing.Endpoint = "localhost:4318" }},
		{"secret collector", "tracing.endpoint", "might be secret", func(c *config.Config) { c.Tracing.Endpoint = "https://u:p@otel.example" }},
		{"admin", "admin.listen", "", func(c *config.Config) { c.Admin.Listen = "localhost:5001" }},
		{"public admin", "admin.listen", "set admin.public", func(c *config.Config) { c.Admin.Listen = ":5001" }},
		{"public admin, allowed", "admin.listen", "", func(c *config.Config) { c.Admin = config.Admin{Listen: ":5001", Public: true} }},
		{"admin port", "admin.listen", "is not a port", func(c *config.Config) { c.Admin.Listen = "127.0.0.1:http" }},
		{"format", "log.format", "write text or json", func(c *config.Config) { c.Log.Format = "xml" }},
	}
	for _, tt := range tests {
		c := config.Default()
		tt.change(&c)
		checkFor(t, tt.name, c, tt.key, tt.wrong)
	}
}

// checkFor checks that c has exactly one mistake, at key and with the text, or
// none when the text is empty.
func checkFor(t *testing.T, name string, c config.Config, key, wrong string) {
	t.Helper()
	err := c.Check()
	if wrong == "" {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return
	}
	m, _ := err.(config.Mistakes)
	if len(m) != 1 || m[0].Key != key || !strings.Contains(m[0].What, wrong) {
		t.Errorf("%s: got %v, want one mistake at %s: …%s…", name, err, key, wrong)
	}
}
