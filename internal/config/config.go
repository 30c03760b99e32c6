// Package config is the configuration of a registry: one struct, its
// defaults, and a loader that refuses what it does not know and tells every
// mistake at once, each with its place. It opens nothing and listens on
// nothing: internal/server turns a Config into a running registry.
//
// What the comments of the fields say of their keys is the operators'
// reference too: docs/configuration.md is generated from them.
package config

//go:generate go run ./reference ../../docs/configuration.md

import (
	"log/slog"
	"time"
)

// Config is everything an operator can choose. Each field names its key in
// the file. Default has the values of a file that says nothing.
type Config struct {
	// Listen (listen) is the address to serve on, host:port. Port 0 takes any
	// free port. An empty host is every address of the machine; see
	// insecure_no_auth. The flag --listen wins over it.
	Listen string
	// Data (data) is the directory that holds the blobs and, unless
	// catalog.url is set, the catalog. It is relative to the working directory
	// and made when it is missing. One process uses it at a time, unless
	// catalog.url is set. The flag --data wins over it.
	Data string
	// Durability (durability) says when a push is acknowledged: full, when it
	// is on the disk, so that it survives a power cut; relaxed, when the
	// operating system has it, so that it survives the end of the process, but
	// a power cut may take, or damage, the last pushes.
	Durability Durability
	// InsecureNoAuth (insecure_no_auth) allows an address that other machines
	// can reach although callers are not authenticated: everyone who reaches
	// it may push and delete. The flag --insecure-no-auth sets it.
	InsecureNoAuth bool

	// BehindTLSProxy (behind_tls_proxy) tells that a proxy in front speaks TLS
	// with the clients. Without it, passwords on an address that other machines
	// can reach go over the network as they are, and the log says so. The flag
	// --behind-tls-proxy sets it.
	BehindTLSProxy bool

	Auth      Auth
	Access    Access
	Admin     Admin
	Catalog   Catalog
	Manifests Manifests
	HTTP      HTTP
	Limits    Limits
	Retention Retention
	Log       Log
	Tracing   Tracing
	Types     Types
}

// Auth says how callers sign in.
type Auth struct {
	// Htpasswd (auth.htpasswd) is a file with the users and their passwords, as
	// htpasswd -B makes it: a line NAME:HASH each, with bcrypt hashes. It is
	// read again when it changes. Empty means that nobody can sign in. What a
	// user may do is said in access.rules.
	Htpasswd string
}

// Access says who may do what.
type Access struct {
	// Rules (access.rules) are rules that cannot be changed through the API, a
	// line each: who, what and where, such as "user:ada owner,admin registry",
	// "group:dev writer namespace:acme" or "anonymous reader prefix:public/". A
	// line that begins with # is a comment. When there are neither rules here
	// nor an auth.htpasswd, everyone may do everything.
	Rules string
}

// Restricted tells whether rules say who may do what.
func (c Config) Restricted() bool { return c.Auth.Htpasswd != "" || c.Access.Rules != "" }

// Admin is the listener for operators: health, metrics, profiles.
type Admin struct {
	// Listen (admin.listen) is the address of the operators' listener,
	// host:port, with /healthz, /readyz, /metrics, /backup/catalog and
	// /debug/pprof/. Empty means that there is none.
	Listen string
	// Public (admin.public) allows admin.listen to be an address that other
	// machines can reach. Nobody is asked who he is there, and profiles show
	// what is in memory: a firewall or a network of its own has to keep
	// strangers out.
	Public bool
}

// Catalog says where the catalog is: names, manifests, tags, the journal.
type Catalog struct {
	// URL (catalog.url) is where names, manifests, tags and the journal are
	// kept. Empty means SQLite, in the data directory; for PostgreSQL write
	// postgres://user:password@host/database. The file then holds a password:
	// let only the server's user read it.
	URL string
	// Shards (catalog.shards) is how many journals a new PostgreSQL catalog
	// writes side by side, 1 to 64. More let more writers work at once and
	// make cursors longer. The number is fixed when the catalog is made.
	// SQLite always has one.
	Shards int
}

// Manifests says which manifests are accepted.
type Manifests struct {
	// Sparse (manifests.sparse) says whether a manifest may refer to blobs
	// and manifests that are not in its repository, such as an index of which
	// some platforms were left out: deny, it is refused, and the client is
	// told what is missing; allow, it is taken with a warning, and what is
	// missing may follow.
	Sparse Permission
}

// Permission allows or denies.
type Permission string

// The permissions.
const (
	Allow Permission = "allow"
	Deny  Permission = "deny"
)

// MaxShards is the greatest number of journal shards: each costs every cursor
// a few bytes.
const MaxShards = 64

// Durability says what has happened before a push is acknowledged.
type Durability string

// The durabilities.
const (
	// Full: on the disk. An acknowledged push survives a power cut.
	Full Durability = "full"
	// Relaxed: with the operating system. It survives the end of the
	// process; a power cut may take, or damage, the last pushes.
	Relaxed Durability = "relaxed"
)

// HTTP holds the times and bounds of a connection.
type HTTP struct {
	// HeaderTimeout (http.header_timeout) is how long a client may take to
	// send a request's header, 1s to 10m.
	HeaderTimeout time.Duration
	// BodyIdle (http.body_idle) is how long a request's body, or the reader
	// of an answer, may move no byte before the connection is closed, 1s to
	// 1h. An upload that was cut off can be resumed.
	BodyIdle time.Duration
	// IdleTimeout (http.idle_timeout) is how long an open connection may wait
	// for its next request, 1s to 1h.
	IdleTimeout time.Duration
	// DrainTime (http.drain_time) is how long requests in flight may go on
	// when the server is told to stop, 0s to 1h. Then they are cut; uploads
	// can be resumed. What stops the process in the end, such as systemd or
	// a container runtime, must allow some seconds more.
	DrainTime time.Duration
	// MaxHeader (http.max_header) is the size of the largest request header
	// accepted, 4KiB to 1MiB.
	MaxHeader ByteSize
	// AbsoluteLocations (http.absolute_locations) writes Location headers as
	// whole URLs, from the request's Host, for old clients that cannot follow
	// a path.
	AbsoluteLocations bool
	// OCIDrafts (http.oci_drafts) answers what is proposed for the
	// distribution-spec and not part of it yet: the repositories of a
	// namespace, the history of a tag, tags as an image index. They may change
	// as the proposals do.
	OCIDrafts bool
}

// Limits bound what clients may take together, and one upload alone.
type Limits struct {
	// Connections (limits.connections) is how many connections may be open,
	// 1 to 1000000. Further ones wait until one is closed.
	Connections int
	// Requests (limits.requests) is how many requests may be worked on at the
	// same time, 1 to 1000000. Further ones are answered 429 and told
	// when to try again. Deltas that wait for a change do not count, and
	// streams do not.
	Requests int
	// Streams (limits.streams) is how many streams of changes may be open, 1
	// to 1000000. Further ones are answered 429 and told when to try again.
	// Each takes a connection, so limits.connections should be greater: else
	// streams can keep everyone else out.
	Streams int
	// BlobSize (limits.blob_size) is the size of the largest blob accepted;
	// 0B means that there is no limit. A manifest may have 4 MiB, always.
	BlobSize ByteSize
}

// Retention says how long traces of the past are kept. What is live never
// expires.
type Retention struct {
	// Journal (retention.journal) is how long the record of every change is
	// kept, 1d at least.
	Journal time.Duration
	// Tombstones (retention.tombstones) is how long a deletion is remembered,
	// and so how old a cursor may be: a client that comes back later lists
	// everything again. It is not shorter than retention.journal.
	Tombstones time.Duration
	// Uploads (retention.uploads) is how long an unfinished upload is kept
	// after its last byte, 1m at least.
	Uploads time.Duration
	// Orphans (retention.orphans) is how long manifests that were never tagged
	// are kept after the index that lists them, or their subject, was deleted
	// and nothing else refers to them; 0s: for ever, else 1m at least.
	Orphans time.Duration
}

// Log says what is logged, on standard error.
type Log struct {
	// Level (log.level) is the least level that is logged: debug, info, warn
	// or error.
	Level slog.Level
	// Format (log.format) is text, key=value pairs, or json, one object a
	// line.
	Format LogFormat
	// Access (log.access) logs a line for each request, at level info.
	Access bool
}

// LogFormat is the form of a log line.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text" // key=value pairs
	LogJSON LogFormat = "json" // one object a line
)

// Tracing says where spans are sent.
type Tracing struct {
	// Endpoint (tracing.endpoint) is the URL of an OpenTelemetry collector
	// that takes OTLP over HTTP, such as http://127.0.0.1:4318. Empty means
	// that nothing is traced.
	Endpoint string
	// Sample (tracing.sample) is the part of the requests that are traced, 0
	// to 1. A request that comes with a traceparent follows what that says.
	Sample float64
}

// Types says where the operator's own types of artifacts are.
type Types struct {
	// Dir (types.dir) is a directory with definitions of artifact types, *.json
	// with their logos, *.svg, beside them. A definition there wins over the
	// built-in one of its name. The directory is read again when it changes, and
	// on SIGHUP; it need not be there. Empty means types in the data directory.
	Dir string
}

// Default is the configuration of a file that says nothing.
func Default() Config {
	return Config{
		Listen:     "127.0.0.1:5000",
		Data:       "./lading-data",
		Durability: Full,
		Catalog:    Catalog{Shards: 16},
		Manifests:  Manifests{Sparse: Deny},
		HTTP: HTTP{
			HeaderTimeout: 10 * time.Second,
			BodyIdle:      time.Minute,
			IdleTimeout:   2 * time.Minute,
			DrainTime:     6 * time.Second,
			MaxHeader:     64 << 10,
			OCIDrafts:     true,
		},
		Limits: Limits{Connections: 25_000, Requests: 2000, Streams: 20_000},
		Retention: Retention{
			Journal:    30 * 24 * time.Hour,
			Tombstones: 90 * 24 * time.Hour,
			Uploads:    24 * time.Hour,
			Orphans:    24 * time.Hour,
		},
		Log:     Log{Level: slog.LevelInfo, Format: LogText, Access: true},
		Tracing: Tracing{Sample: 0.1},
	}
}
