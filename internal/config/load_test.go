package config_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/config"
)

const example = "../../lading.example.yaml"

func TestExampleIsTheDefault(t *testing.T) {
	got, err := config.Load(example)
	if err != nil {
		t.Fatal(err)
	}
	if got != config.Default() {
		t.Errorf("the example says\n%+v\nthe defaults are\n%+v", got, config.Default())
	}
}

// TestExampleSetsEveryKey looks for each key at its indentation: a new one
// does not set would keep the change.
func TestExampleSetsEveryKey(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys() {
		name := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.Contains(string(text), "\n"+strings.Repeat("  ", strings.Count(key, "."))+name+": ") {
			t.Errorf("the example does not have %s", key)
		}
	}
}

func TestLoadNothing(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "---\n", "log:\n", "log:\n  # level: debug\nhttp:\n"} {
		got, err := config.Parse("f", []byte(text))
		if err != nil || got != config.Default() {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if got, err := config.Load(""); err != nil || got != config.Default() {
		t.Errorf("no file: %+v, %v", got, err)
	}
}

func TestLoadEverything(t *testing.T) {
	const text = `listen: 0.0.0.0:80
data: /srv/lading
durability: relaxed
insecure_no_auth: true
behind_tls_proxy: true
auth: {issuers: "", accounts: true, min_password: 16, max_token_age: 365d, tokens: {bearer: false, lifetime: 10m, refresh: 0s, rotate: 2h}, htpasswd: /etc/lading/users}
access: {rules: "user:ada owner registry"}
admin: {listen: ":81", public: true}
catalog: {url: "postgres://u:p@db/lading", shards: 4}
http: {header_timeout: 3s, body_idle: 90s, idle_timeout: 5m, drain_time: 25s, max_header: 1MiB, absolute_locations: true, oci_drafts: false,
  url: "https://reg.example", trusted_proxies: 10.0.0.0/8, forwarded: standard}
tls: {certificate: c.pem, key: k.pem, acme_email: a@b.example, acme_directory: "https://ca.example/dir", acme_ca: a.pem, client_ca: ca.pem,
  client_auth: require, client_crl: crl.pem, client_subjects: "cn * user:*"}
audit: {pulls: true, retention: 20d}
retention: {journal: 10d, tombstones: 20d, uploads: 1h30m, orphans: 2h}
manifests: {sparse: allow}
limits: {connections: 5, requests: 6, streams: 7, blob_size: 7GiB, held_per_caller: 8, held_per_address: 9, require_cursor: true,
  rates: {pull: 1/s, push: 2/m, list: 3/h, sync: 4/s burst 5, sign_in: off}}
log: {level: debug, format: json, access: false}
tracing: {endpoint: "https://otel.example/x", sample: 1}
`
	want := config.Config{
		Listen: "0.0.0.0:80", Data: "/srv/lading", Durability: config.Relaxed, InsecureNoAuth: true,
		BehindTLSProxy: true, Auth: config.Auth{Htpasswd: "/etc/lading/users", Accounts: true, MinPassword: 16, MaxTokenAge: 365 * 24 * time.Hour, Tokens: config.Tokens{Lifetime: 10 * time.Minute, Rotate: 2 * time.Hour}}, Access: config.Access{Rules: "user:ada owner registry"},
		Admin:     config.Admin{Listen: ":81", Public: true},
		Catalog:   config.Catalog{URL: "postgres://u:p@db/lading", Shards: 4},
		Manifests: config.Manifests{Sparse: config.Allow},
		HTTP: config.HTTP{HeaderTimeout: 3 * time.Second, BodyIdle: 90 * time.Second, IdleTimeout: 5 * time.Minute,
			DrainTime: 25 * time.Second,
			MaxHeader: 1 << 20, AbsoluteLocations: true, URL: "https://reg.example", TrustedProxies: "10.0.0.0/8", Forwarded: config.StandardForwarded},
		TLS: config.TLS{Certificate: "c.pem", Key: "k.pem", ACMEEmail: "a@b.example", ACMEDirectory: "https://ca.example/dir", ACMECA: "a.pem",
			ClientCA: "ca.pem", ClientAuth: config.RequireCertificate, ClientCRL: "crl.pem", ClientSubjects: "cn * user:*"},
		Audit:     config.Audit{Pulls: true, Retention: 480 * time.Hour},
		Retention: config.Retention{Journal: 240 * time.Hour, Tombstones: 480 * time.Hour, Uploads: 90 * time.Minute, Orphans: 2 * time.Hour},
		Limits: config.Limits{Connections: 5, Requests: 6, Streams: 7, BlobSize: 7 << 30,
			HeldPerCaller: 8, HeldPerAddress: 9, RequireCursor: true,
			Rates: config.Rates{Pull: config.Rate{Count: 1, Per: time.Second, Burst: 1}, Push: config.Rate{Count: 2, Per: time.Minute, Burst: 2},
				List: config.Rate{Count: 3, Per: time.Hour, Burst: 3}, Sync: config.Rate{Count: 4, Per: time.Second, Burst: 5}}},
		Log:     config.Log{Level: slog.LevelDebug, Format: config.LogJSON},
		Tracing: config.Tracing{Endpoint: "https://otel.example/x", Sample: 1},
	}
	got, err := config.Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// TestTextIsRead: what Text writes, Parse reads, but for the secrets.
func TestTextIsRead(t *testing.T) {
	c := config.Default()
	c.Access.Rules = "# rules\nservice:ci owner registry\n"
	c.Listen, c.Data, c.Admin.Listen, c.Log.Level = "[::1]:80", "a b: #c\n", ":81", slog.LevelError
	c.Admin.Public, c.Limits.BlobSize, c.Tracing.Sample, c.Retention.Uploads = true, 3<<20, 0.25, 90*time.Minute
	if got, err := config.Parse("f", []byte(c.Text())); err != nil || got != c {
		t.Errorf("%v\n%s\ngot\n%+v", err, c.Text(), got)
	}
	c.Catalog.URL = "postgres://user:hunter2@db/lading?password=hunter3"
	text := c.Text()
	if strings.Contains(text, "hunter") || strings.Contains(text, "user") || !strings.Contains(text, "  url: \"postgres://db/lading\"\n") {
		t.Error(text)
	}
	for _, key := range config.Keys() {
		if !strings.Contains(text, key[strings.LastIndexByte(key, '.')+1:]+": ") {
			t.Errorf("%s is not shown", key)
		}
	}
}

func TestOverridesWin(t *testing.T) {
	got, err := config.Parse("f", []byte("listen: 0.0.0.0:80\ndata: /a\n"),
		config.Override{Place: "--listen", Key: "listen", Value: "[::1]:0"})
	if err != nil || got.Listen != "[::1]:0" || got.Data != "/a" {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = config.Parse("f", nil, config.Override{Place: "--listen", Key: "listen", Value: "5000"})
	if err == nil || !strings.HasPrefix(err.Error(), `--listen: listen: "5000" is not an address`) {
		t.Errorf("a wrong flag: %v", err)
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lading.yaml")
	if _, err := config.Load(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file: %v", err)
	}
	big := append([]byte("#"), make([]byte, config.MaxFile)...)
	if err := os.WriteFile(path, big, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil || err.Error() != path+": is larger than 1MiB" {
		t.Errorf("a huge file: %v", err)
	}
}

func TestMistakesAllAtOnceWithPlaces(t *testing.T) {
	const text = `listen: 0.0.0.0:5000
dta: x
catalog:
  url: mysql://root:hunter2@db/x
  shards: many
  replicas: 3
http:
  body_idle: 60
  max_header: 1GiB
retention:
  journal: 100d
log: loud
durability:
data: [a, b]
data: c
insecure_no_auth: maybe
`
	_, err := config.Parse("lading.yaml", []byte(text))
	var got config.Mistakes
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want Mistakes", err)
	}
	want := []string{
		`lading.yaml:2: dta: is not a key that is known here: write one of access, admin, audit, auth, behind_tls_proxy, catalog, data, durability, http,`,
		`lading.yaml:5: catalog.shards: "many" is not a whole number`,
		`lading.yaml:6: catalog.replicas: is not a key that is known here: write one of shards, url`,
		`lading.yaml:8: http.body_idle: "60" is not a duration: write a number with a unit, such as 90s`,
		`lading.yaml:12: log: is not a group of keys: write access, format, level, each with a value`,
		`lading.yaml:13: durability: has no value`,
		`lading.yaml:14: data: takes a single value`,
		`lading.yaml:15: data: is there twice: the first is in line 14`,
		`lading.yaml:16: insecure_no_auth: "maybe" is not a yes or no: write true or false`,
		`lading.yaml:1: listen: "0.0.0.0:5000" can be reached from other machines, and callers are not authenticated`,
		`lading.yaml:4: catalog.url: is not the URL of a PostgreSQL database: write postgres://`,
		`lading.yaml:9: http.max_header: 1GiB is out of bounds: 4KiB to 1MiB`,
		`lading.yaml: retention.tombstones: 90d is shorter than retention.journal, 100d`,
	}
	if len(got) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%v", len(got), len(want), err)
	}
	for _, w := range want {
		if !strings.Contains("\n"+err.Error()+"\n", "\n"+w) {
			t.Errorf("missing: %s\nin:\n%v", w, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the password is shown: %v", err)
	}
}

// TestOneMistakeAKey: a value that cannot be read stays at its default, and
// what is wrong with the default is not worth telling.
func TestOneMistakeAKey(t *testing.T) {
	_, err := config.Parse("f", []byte("retention: {journal: 100d, tombstones: soon}"))
	if m, _ := err.(config.Mistakes); len(m) != 1 || m[0].Key != "retention.tombstones" || !strings.Contains(m[0].What, "soon") {
		t.Errorf("got %v", err)
	}
}

func TestNotYAML(t *testing.T) {
	for text, want := range map[string]string{
		"listen: [":                "f:1: is not YAML: ",
		"data: a\n\tlisten: b\n":   "f:2: is not YAML: ",
		"just words":               "f:1: is not a group of keys: write access, admin, ",
		"data: a\n---\ndata: b\n":  "f:2: a second document begins here",
		"? [a]\n: b\n":             "f:1: is not a key: write one of ",
		"catalog.url: x":           "f:1: is not a key: write one of ",
		"data: &d x\nlisten: *d\n": "f:2: listen: takes a single value",
	} {
		_, err := config.Parse("f", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("log: {level: debug}\nhttp: {max_header: 1MiB}\ncatalog: {url: 'postgres://u:p@h/d'}"))
	f.Add([]byte("a: &a [*a]\n<<: {b: c}\n---\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("f", text)
		if err == nil {
			if err := c.Check(); err != nil {
				t.Errorf("%q was loaded but does not pass Check: %v", text, err)
			}
			return
		}
		var m config.Mistakes
		if !errors.As(err, &m) || len(m) == 0 {
			t.Fatalf("%q: %v is not a list of mistakes", text, err)
		}
		for _, one := range m {
			if one.What == "" || !strings.HasPrefix(one.Place, "f") {
				t.Errorf("%q: a mistake without a place or a text: %q", text, one)
			}
		}
	})
}
