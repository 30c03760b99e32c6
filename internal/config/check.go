package config

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Check returns every mistake in c as a Mistakes, or nil.
func (c Config) Check() error {
	m := mistakes(c)
	if len(m) == 0 {
		return nil
	}
	return m
}

func mistakes(c Config) Mistakes {
	var m Mistakes
	m.listen(c)
	if c.Data == "" {
		m.add("data", "is empty: name a directory")
	} else if strings.ContainsRune(c.Data, 0) {
		m.add("data", "holds a NUL character: name a directory")
	}
	if c.Durability != Full && c.Durability != Relaxed {
		m.add("durability", "%q is not a durability: write full or relaxed", c.Durability)
	}
	m.access(c.Access)
	m.auth(c.Auth)
	m.admin(c.Admin)
	m.catalog(c.Catalog)
	if c.Manifests.Sparse != Allow && c.Manifests.Sparse != Deny {
		m.add("manifests.sparse", "%q is not a permission: write allow or deny", c.Manifests.Sparse)
	}
	m.within("http.header_timeout", c.HTTP.HeaderTimeout, time.Second, 10*time.Minute)
	m.within("http.body_idle", c.HTTP.BodyIdle, time.Second, time.Hour)
	m.within("http.idle_timeout", c.HTTP.IdleTimeout, time.Second, time.Hour)
	m.within("http.drain_time", c.HTTP.DrainTime, 0, time.Hour)
	if c.HTTP.MaxHeader < 4<<10 || c.HTTP.MaxHeader > 1<<20 {
		m.add("http.max_header", "%v is out of bounds: 4KiB to 1MiB", c.HTTP.MaxHeader)
	}
	m.outside(c.HTTP, c.BehindTLSProxy)
	m.tls(c.TLS)
	m.limits(c.Limits)
	if strings.ContainsRune(c.Audit.File, 0) {
		m.add("audit.file", "holds a NUL character: name a file, or - for standard output")
	}
	m.within("audit.retention", c.Audit.Retention, day, 10*366*day)
	m.retention(c.Retention)
	m.tracing(c.Tracing)
	if c.Log.Format != LogText && c.Log.Format != LogJSON {
		m.add("log.format", "%q is not a log format: write text or json", c.Log.Format)
	}
	return m
}

func (m *Mistakes) listen(c Config) {
	host, ok := m.address("listen", c.Listen)
	if ok && !c.Public() && !loopback(host) {
		m.add("listen", "%q can be reached from other machines, and %s", c.Listen, c.NotPublic())
	}
}

func (m *Mistakes) admin(a Admin) {
	if a.Listen == "" {
		return
	}
	host, ok := m.address("admin.listen", a.Listen)
	if ok && !a.Public && !loopback(host) {
		m.add("admin.listen", "%q can be reached from other machines, and nobody is asked who he is there: "+
			"listen on a loopback address (127.0.0.1, [::1], localhost), or set admin.public: true "+
			"and keep strangers out by other means", a.Listen)
	}
}

// address checks the form of an address and returns its host.
func (m *Mistakes) address(key, addr string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		m.add(key, "%q is not an address: write host:port, such as 127.0.0.1:5000 or [::1]:5000", addr)
		return "", false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		m.add(key, "%q is not a port: write a number from 0 (any free port) to 65535", port)
	} else if strconv.FormatUint(n, 10) != port {
		m.add(key, "%q is not a port: write it as %d", port, n)
	}
	return host, true
}

func (m *Mistakes) limits(l Limits) {
	m.count("limits.connections", l.Connections)
	m.count("limits.requests", l.Requests)
	m.count("limits.streams", l.Streams)
	m.count("limits.held_per_caller", l.HeldPerCaller)
	m.count("limits.held_per_address", l.HeldPerAddress)
	m.rates(l.Rates)
}

func (m *Mistakes) count(key string, n int) {
	if n < 1 || n > 1_000_000 {
		m.add(key, "%d is out of bounds: 1 to 1000000", n)
	}
}

func (m *Mistakes) tracing(t Tracing) {
	if t.Endpoint != "" {
		u, err := url.Parse(t.Endpoint)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			m.add("tracing.endpoint", "is not the URL of a collector: write http://host:4318, or nothing for no traces")
		} else if u.User != nil || u.RawQuery != "" {
			m.add("tracing.endpoint", "holds a user or a parameter, which might be secret: send traces to a collector beside it, which knows its own secrets")
		}
	}
	if !(t.Sample >= 0 && t.Sample <= 1) { // so that not a number is out of bounds too
		m.add("tracing.sample", "%v is out of bounds: 0 to 1", t.Sample)
	}
}

// loopback reports whether a host, as written, can mean only this machine. A
// name other than localhost might resolve to anything, and so may not.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (m *Mistakes) catalog(c Catalog) {
	if c.URL != "" {
		// The URL may hold a password: no message repeats it.
		u, err := url.Parse(c.URL)
		if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
			m.add("catalog.url", "is not the URL of a PostgreSQL database: write postgres://user:password@host/database, "+
				"or nothing for SQLite in the data directory")
		}
	}
	if c.Shards < 1 || c.Shards > MaxShards {
		m.add("catalog.shards", "%d is out of bounds: 1 to %d", c.Shards, MaxShards)
	}
}

func (m *Mistakes) retention(r Retention) {
	const year = 366 * day
	m.within("retention.journal", r.Journal, day, 10*year)
	m.within("retention.tombstones", r.Tombstones, day, 10*year)
	m.within("retention.uploads", r.Uploads, time.Minute, year)
	if r.Orphans != 0 {
		m.within("retention.orphans", r.Orphans, time.Minute, 10*year)
	}
	if r.Tombstones < r.Journal {
		m.add("retention.tombstones", "%s is shorter than retention.journal, %s: deletions must be remembered at least as long as the journal",
			formatDuration(r.Tombstones), formatDuration(r.Journal))
	}
}

func (m *Mistakes) within(key string, d, least, most time.Duration) {
	if d < least || d > most {
		m.add(key, "%s is out of bounds: %s to %s", formatDuration(d), formatDuration(least), formatDuration(most))
	}
}
