// Package config is the configuration of a registry: one struct, its
// defaults, and a loader that refuses what it does not know and tells every
// mistake at once, each with its place. It opens nothing and listens on
// nothing: internal/server turns a Config into a running registry.
package config

import (
	"log/slog"
	"time"
)

// Config is everything an operator can choose. Each field names its key in
// the file. Default has the values of a file that says nothing.
type Config struct {
	// Listen (listen) is the address to serve on, "host:port". Port 0 takes
	// any free port. An empty host is every address of the machine.
	Listen string
	// Data (data) is the directory that holds the blobs and, without a
	// catalog URL, the catalog. Relative to the working directory.
	Data string
	// Durability (durability) says when a push is acknowledged.
	Durability Durability
	// InsecureNoAuth (insecure_no_auth) allows an address that other
	// machines can reach although callers are not authenticated.
	InsecureNoAuth bool

	Catalog   Catalog
	HTTP      HTTP
	Retention Retention
	Log       Log
}

// Catalog says where the catalog is: names, manifests, tags, the journal.
type Catalog struct {
	// URL (catalog.url) is empty for SQLite in the data directory, or
	// postgres://user:password@host/database. It may hold a password: log
	// Redacted instead.
	URL string
	// Shards (catalog.shards) is the number of journal shards of a new
	// PostgreSQL catalog, 1 to MaxShards. SQLite always has one.
	Shards int
}

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

// HTTP holds the bounds of a connection.
type HTTP struct {
	// HeaderTimeout (http.header_timeout) is how long a client may take to
	// send a request's header.
	HeaderTimeout time.Duration
	// BodyIdle (http.body_idle) is how long a request's body, or the reader
	// of an answer, may move no byte.
	BodyIdle time.Duration
	// IdleTimeout (http.idle_timeout) is how long a connection may wait for
	// its next request.
	IdleTimeout time.Duration
	// MaxHeader (http.max_header) is the size of the largest request header
	// accepted, in bytes.
	MaxHeader ByteSize
	// AbsoluteLocations (http.absolute_locations) writes Location headers as
	// whole URLs, for old clients that cannot follow a path.
	AbsoluteLocations bool
}

// Retention says how long traces of the past are kept. What is live never
// expires.
type Retention struct {
	// Journal (retention.journal) is how long the record of every change is
	// kept.
	Journal time.Duration
	// Tombstones (retention.tombstones) is how long a deletion is
	// remembered, and so how old a cursor may be. Not less than Journal.
	Tombstones time.Duration
	// Uploads (retention.uploads) is how long an unfinished upload is kept
	// after its last byte.
	Uploads time.Duration
}

// Log says what is logged, on standard error.
type Log struct {
	Level  slog.Level // log.level
	Format LogFormat  // log.format
}

// LogFormat is the form of a log line.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text" // key=value pairs
	LogJSON LogFormat = "json" // one object a line
)

// Default is the configuration of a file that says nothing.
func Default() Config {
	return Config{
		Listen:     "127.0.0.1:5000",
		Data:       "./lading-data",
		Durability: Full,
		Catalog:    Catalog{Shards: 16},
		HTTP: HTTP{
			HeaderTimeout: 10 * time.Second,
			BodyIdle:      time.Minute,
			IdleTimeout:   2 * time.Minute,
			MaxHeader:     64 << 10,
		},
		Retention: Retention{
			Journal:    30 * 24 * time.Hour,
			Tombstones: 90 * 24 * time.Hour,
			Uploads:    24 * time.Hour,
		},
		Log: Log{Level: slog.LevelInfo, Format: LogText},
	}
}
