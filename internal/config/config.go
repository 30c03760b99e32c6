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
	// it may push and delete. It allows one without TLS as well, where passwords
	// go over the network as they are. The flag --insecure-no-auth sets it.
	InsecureNoAuth bool

	// BehindTLSProxy (behind_tls_proxy) tells that a proxy in front speaks TLS
	// with the clients; name it in http.trusted_proxies. Where callers sign in,
	// an address that other machines can reach is served only with it, or with
	// the keys of tls. The flag --behind-tls-proxy sets it.
	BehindTLSProxy bool

	Auth      Auth
	Access    Access
	Admin     Admin
	Catalog   Catalog
	Manifests Manifests
	HTTP      HTTP
	TLS       TLS
	Limits    Limits
	Audit     Audit
	Retention Retention
	Log       Log
	Tracing   Tracing
	Types     Types
}

// Auth says how callers sign in.
type Auth struct {
	// Htpasswd (auth.htpasswd) is a file with the users and their passwords, as
	// htpasswd -B makes it: a line NAME:HASH each, with bcrypt hashes. It is
	// read again when it changes. Empty means that there is none. What a user
	// may do is said in access.rules and with lading grant.
	Htpasswd string
	// Accounts (auth.accounts) keeps users, services and API tokens in the
	// catalog, made with lading user and lading token. A registry without any
	// account, and without auth.htpasswd, makes user:admin when it starts, who
	// may do everything, and puts the password into the file
	// initial-admin-password of the data directory.
	Accounts bool
	// MinPassword (auth.min_password) is the length of the shortest password of
	// an account, 8 to 1024 bytes.
	MinPassword int
	// MaxTokenAge (auth.max_token_age) is the longest that an API token may be
	// good for, up to 3650d; 0s: as long as is asked for, also for ever.
	MaxTokenAge time.Duration
	// Issuers (auth.issuers) are OpenID Connect issuers whose tokens are taken,
	// such as those of GitHub Actions, GitLab and Kubernetes: a YAML list of
	// name, url, audience and rules, as docs/access.md describes it.
	Issuers string
	// Tokens are those that the registry makes.
	Tokens Tokens
}

// Tokens are what clients get for their password, and show instead of it.
type Tokens struct {
	// Bearer (auth.tokens.bearer) sends clients for tokens, as the token
	// specification of the distribution project has it, so that all of them
	// pull what is public without signing in. Without it they are asked for
	// passwords alone.
	Bearer bool
	// Lifetime (auth.tokens.lifetime) is how long a token is good, 1m to 1h. What
	// it lets do is asked anew at each request; it is as long that a password
	// that was changed in the file of users can still be felt.
	Lifetime time.Duration
	// Refresh (auth.tokens.refresh) is how long a client may get new tokens
	// without the password, after "docker login" for example, up to 3650d; 0s:
	// clients keep the password.
	Refresh time.Duration
	// Rotate (auth.tokens.rotate) is how long a key signs before another one
	// does, 1h at least.
	Rotate time.Duration
}

// Access says who may do what.
type Access struct {
	// Rules (access.rules) are rules that cannot be changed through the API, a
	// line each: who, what and where, such as "user:ada owner,admin registry",
	// "group:dev writer namespace:acme" or "anonymous reader prefix:public/". A
	// line that begins with # is a comment. When there are no rules here, and
	// nobody can sign in, everyone may do everything.
	Rules string
}

// Restricted tells whether rules say who may do what.
func (c Config) Restricted() bool { return c.SignIn() || c.Access.Rules != "" }

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
	// URL (http.url) is how clients reach the registry, such as
	// https://reg.example, where that cannot be told from their requests. It is
	// in Location headers with http.absolute_locations, in events, and where
	// clients are told to sign in. Empty means the way that each request took.
	URL string
	// TrustedProxies (http.trusted_proxies) are the addresses of proxies in
	// front, separated by commas, such as "10.0.0.2, 10.1.0.0/16". Their
	// X-Forwarded-For, -Proto and -Host tell the client's address, its scheme
	// and host. From anybody else such headers count for nothing. The proxies
	// must set them, or remove what clients wrote there. With behind_tls_proxy it
	// has to say something: none is that the proxy tells nothing of clients, who
	// then all have its address.
	TrustedProxies string
	// Forwarded (http.forwarded) is the kind of header that trusted proxies
	// write: x-forwarded, or standard, the header Forwarded of RFC 7239. The
	// other kind counts for nothing.
	Forwarded ForwardedHeader
	// OCIDrafts (http.oci_drafts) answers what is proposed for the
	// distribution-spec and not part of it yet: the repositories of a
	// namespace, the history of a tag, tags as an image index. They may change
	// as the proposals do.
	OCIDrafts bool
}

// ForwardedHeader is a kind of header by which proxies tell of clients.
type ForwardedHeader string

// The headers of proxies.
const (
	XForwarded        ForwardedHeader = "x-forwarded" // X-Forwarded-For, -Proto, -Host
	StandardForwarded ForwardedHeader = "standard"    // Forwarded (RFC 7239)
)

// TLS says whether the registry itself speaks TLS, with which certificates, and
// what it asks of clients. It does where a certificate or ACME hosts are named.
type TLS struct {
	// Certificate (tls.certificate) is a PEM file with the certificate of the
	// server and then those between it and its CA. It is read again when it
	// changes, without an end to connections; so are the other files here.
	Certificate string
	// Key (tls.key) is a PEM file with the key of tls.certificate.
	Key string
	// ACMEHosts (tls.acme_hosts) are the names, separated by commas, to get
	// certificates for by ACME: the CA connects to port 443 of each, which must
	// lead here. Naming them accepts the terms of the CA. Keys and certificates
	// are kept in the data directory, under acme, or with catalog.url in the
	// catalog, for all replicas.
	ACMEHosts string
	// ACMEEmail (tls.acme_email) is told the CA, which may warn there.
	ACMEEmail string
	// ACMEDirectory (tls.acme_directory) is the URL of the CA's ACME directory.
	// Empty means Let's Encrypt.
	ACMEDirectory string
	// ACMECA (tls.acme_ca) is a PEM file with the CA of the ACME server's own
	// certificate, for one inside of a company. Empty means those of the system.
	ACMECA string
	// ClientCA (tls.client_ca) is a PEM file with the CAs of clients'
	// certificates. A client that shows one of another CA is not let in. Empty
	// means that clients are asked for none.
	ClientCA string
	// ClientAuth (tls.client_auth) is what is asked of clients where
	// tls.client_ca is set: request, they may show a certificate; require, who
	// shows none is not let in.
	ClientAuth ClientAuth
	// ClientCRL (tls.client_crl) is a file with lists of certificates that the
	// CAs of tls.client_ca have revoked, PEM or DER. Empty means none.
	ClientCRL string
	// ClientSubjects (tls.client_subjects) are rules that say whom a client's
	// certificate stands for, a line each: a field (cn, uri, email, dns), a
	// pattern, a subject and any groups, such as "uri
	// spiffe://acme.example/sa/* service:* group:robots". The first that fits
	// holds; without one a certificate stands for nobody.
	ClientSubjects string
}

// ClientAuth is what is asked of clients.
type ClientAuth string

// What may be asked of clients.
const (
	RequestCertificate ClientAuth = "request" // one is looked at if there is one
	RequireCertificate ClientAuth = "require" // no connection without one
)

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
	// HeldPerCaller (limits.held_per_caller) is how many streams of changes and
	// deltas that wait one caller may have open at a time, 1 to 1000000. A
	// caller is who is signed in, or else an address; addresses of this machine
	// are not bounded. Further ones are answered 429.
	HeldPerCaller int
	// HeldPerAddress (limits.held_per_address) is how many all callers of one
	// address may have open together, 1 to 1000000.
	HeldPerAddress int
	// RequireCursor (limits.require_cursor) refuses with 428 a listing that
	// could have a cursor and says neither since= nor If-None-Match: who has
	// none yet writes since=none. So nobody reads everything again and again
	// only because it did not keep where it was.
	RequireCursor bool
	// Rates are of one caller.
	Rates Rates
}

// Rates are how fast one caller may ask, by what for: N/s, N/m or N/h, with
// "burst N" for how many may come at once, N itself without, or off. What is
// more is answered 429 and told when to try again. A caller is who is signed
// in, or else an address, of IPv6 the network of 64 bits; all who sign in from
// one address have ten times as much together. Addresses of this machine are
// not bounded.
type Rates struct {
	// Pull (limits.rates.pull) is for reads of manifests, blobs and referrers,
	// and for everything that is not one of the others.
	Pull Rate
	// Push (limits.rates.push) is for requests that write.
	Push Rate
	// List (limits.rates.list) is for questions about what there is: listings,
	// deltas, streams when they are opened, searches, lists of rules, accounts,
	// API tokens and of who did what.
	List Rate
	// Sync (limits.rates.sync) counts the rows that are read to answer those:
	// a listing of ten thousand tags is ten thousand. It is charged afterwards,
	// so that no answer is broken off, and the next question waits; who
	// presents a cursor has as much again.
	Sync Rate
	// SignIn (limits.rates.sign_in) is for attempts to sign in, of an address,
	// whoever is named; who is signed in already does not count.
	SignIn Rate
}

// Audit says what is on record of who did what, and how long.
type Audit struct {
	// Pulls (audit.pulls) records what is read by name, manifests and blobs,
	// too: equal ones together, once a minute. Changes, refusals and signing in
	// are always on record.
	Pulls bool
	// File (audit.file) is a file that each record is added to as a line of
	// JSON, for what collects logs; "-" is standard output. It may be moved away
	// at any time: a new one is made. Of replicas one at a time writes. Records
	// that cannot be written wait in the catalog. Empty means none.
	File string
	// Retention (audit.retention) is how long records are kept, 1d at least.
	Retention time.Duration
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
			Forwarded:     XForwarded,
		},
		Auth: Auth{MinPassword: 12, Tokens: Tokens{Bearer: true, Lifetime: 5 * time.Minute, Refresh: 90 * 24 * time.Hour, Rotate: 30 * 24 * time.Hour}},
		TLS:  TLS{ClientAuth: RequestCertificate},
		Limits: Limits{Connections: 25_000, Requests: 2000, Streams: 20_000, HeldPerCaller: 2000, HeldPerAddress: 5000, Rates: Rates{
			Pull:   Rate{2000, time.Second, 20_000},
			Push:   Rate{1000, time.Second, 10_000},
			List:   Rate{1000, time.Second, 10_000},
			Sync:   Rate{50_000, time.Second, 1_000_000},
			SignIn: Rate{20, time.Second, 200},
		}},
		Audit: Audit{Retention: 400 * 24 * time.Hour},
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
