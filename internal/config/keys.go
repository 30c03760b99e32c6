package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A field is what a key of the file becomes. read only understands the text;
// Check judges the value. Its errors say what is wrong and what is allowed.
// write gives a text that read understands.
type field struct {
	read  func(c *Config, text string) error
	write func(c Config) string
}

// keys is the one table of what may stand in a file.
var keys = map[string]field{
	"listen":                  str(func(c *Config) *string { return &c.Listen }),
	"data":                    str(func(c *Config) *string { return &c.Data }),
	"durability":              str(func(c *Config) *Durability { return &c.Durability }),
	"insecure_no_auth":        boolean(func(c *Config) *bool { return &c.InsecureNoAuth }),
	"behind_tls_proxy":        boolean(func(c *Config) *bool { return &c.BehindTLSProxy }),
	"auth.htpasswd":           str(func(c *Config) *string { return &c.Auth.Htpasswd }),
	"auth.accounts":           boolean(func(c *Config) *bool { return &c.Auth.Accounts }),
	"auth.min_password":       integer(func(c *Config) *int { return &c.Auth.MinPassword }),
	"auth.max_token_age":      duration(func(c *Config) *time.Duration { return &c.Auth.MaxTokenAge }),
	"auth.issuers":            str(func(c *Config) *string { return &c.Auth.Issuers }),
	"auth.tokens.bearer":      boolean(func(c *Config) *bool { return &c.Auth.Tokens.Bearer }),
	"auth.tokens.lifetime":    duration(func(c *Config) *time.Duration { return &c.Auth.Tokens.Lifetime }),
	"auth.tokens.refresh":     duration(func(c *Config) *time.Duration { return &c.Auth.Tokens.Refresh }),
	"auth.tokens.rotate":      duration(func(c *Config) *time.Duration { return &c.Auth.Tokens.Rotate }),
	"access.rules":            str(func(c *Config) *string { return &c.Access.Rules }),
	"admin.listen":            str(func(c *Config) *string { return &c.Admin.Listen }),
	"admin.public":            boolean(func(c *Config) *bool { return &c.Admin.Public }),
	"catalog.url":             str(func(c *Config) *string { return &c.Catalog.URL }),
	"catalog.shards":          integer(func(c *Config) *int { return &c.Catalog.Shards }),
	"manifests.sparse":        str(func(c *Config) *Permission { return &c.Manifests.Sparse }),
	"http.header_timeout":     duration(func(c *Config) *time.Duration { return &c.HTTP.HeaderTimeout }),
	"http.body_idle":          duration(func(c *Config) *time.Duration { return &c.HTTP.BodyIdle }),
	"http.idle_timeout":       duration(func(c *Config) *time.Duration { return &c.HTTP.IdleTimeout }),
	"http.drain_time":         duration(func(c *Config) *time.Duration { return &c.HTTP.DrainTime }),
	"http.max_header":         size(func(c *Config) *ByteSize { return &c.HTTP.MaxHeader }),
	"http.absolute_locations": boolean(func(c *Config) *bool { return &c.HTTP.AbsoluteLocations }),
	"http.url":                str(func(c *Config) *string { return &c.HTTP.URL }),
	"http.trusted_proxies":    str(func(c *Config) *string { return &c.HTTP.TrustedProxies }),
	"http.forwarded":          str(func(c *Config) *ForwardedHeader { return &c.HTTP.Forwarded }),
	"tls.certificate":         str(func(c *Config) *string { return &c.TLS.Certificate }),
	"tls.key":                 str(func(c *Config) *string { return &c.TLS.Key }),
	"tls.acme_hosts":          str(func(c *Config) *string { return &c.TLS.ACMEHosts }),
	"tls.acme_email":          str(func(c *Config) *string { return &c.TLS.ACMEEmail }),
	"tls.acme_directory":      str(func(c *Config) *string { return &c.TLS.ACMEDirectory }),
	"tls.acme_ca":             str(func(c *Config) *string { return &c.TLS.ACMECA }),
	"tls.client_ca":           str(func(c *Config) *string { return &c.TLS.ClientCA }),
	"tls.client_auth":         str(func(c *Config) *ClientAuth { return &c.TLS.ClientAuth }),
	"tls.client_crl":          str(func(c *Config) *string { return &c.TLS.ClientCRL }),
	"tls.client_subjects":     str(func(c *Config) *string { return &c.TLS.ClientSubjects }),
	"http.oci_drafts":         boolean(func(c *Config) *bool { return &c.HTTP.OCIDrafts }),
	"limits.connections":      integer(func(c *Config) *int { return &c.Limits.Connections }),
	"limits.requests":         integer(func(c *Config) *int { return &c.Limits.Requests }),
	"limits.streams":          integer(func(c *Config) *int { return &c.Limits.Streams }),
	"limits.blob_size":        size(func(c *Config) *ByteSize { return &c.Limits.BlobSize }),
	"limits.held_per_caller":  integer(func(c *Config) *int { return &c.Limits.HeldPerCaller }),
	"limits.held_per_address": integer(func(c *Config) *int { return &c.Limits.HeldPerAddress }),
	"limits.require_cursor":   boolean(func(c *Config) *bool { return &c.Limits.RequireCursor }),
	"limits.rates.pull":       rate(func(c *Config) *Rate { return &c.Limits.Rates.Pull }),
	"limits.rates.push":       rate(func(c *Config) *Rate { return &c.Limits.Rates.Push }),
	"limits.rates.list":       rate(func(c *Config) *Rate { return &c.Limits.Rates.List }),
	"limits.rates.sync":       rate(func(c *Config) *Rate { return &c.Limits.Rates.Sync }),
	"limits.rates.sign_in":    rate(func(c *Config) *Rate { return &c.Limits.Rates.SignIn }),
	"audit.pulls":             boolean(func(c *Config) *bool { return &c.Audit.Pulls }),
	"audit.file":              str(func(c *Config) *string { return &c.Audit.File }),
	"audit.retention":         duration(func(c *Config) *time.Duration { return &c.Audit.Retention }),
	"retention.journal":       duration(func(c *Config) *time.Duration { return &c.Retention.Journal }),
	"retention.tombstones":    duration(func(c *Config) *time.Duration { return &c.Retention.Tombstones }),
	"retention.uploads":       duration(func(c *Config) *time.Duration { return &c.Retention.Uploads }),
	"retention.orphans":       duration(func(c *Config) *time.Duration { return &c.Retention.Orphans }),
	"log.level":               level(func(c *Config) *slog.Level { return &c.Log.Level }),
	"log.format":              str(func(c *Config) *LogFormat { return &c.Log.Format }),
	"log.access":              boolean(func(c *Config) *bool { return &c.Log.Access }),
	"tracing.endpoint":        str(func(c *Config) *string { return &c.Tracing.Endpoint }),
	"types.dir":               str(func(c *Config) *string { return &c.Types.Dir }),
	"tracing.sample":          fraction(func(c *Config) *float64 { return &c.Tracing.Sample }),
}

// Keys returns every key that a file may hold, sorted.
func Keys() []string {
	var names []string
	for k := range keys {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// section reports whether the key is the name of a group of keys.
func section(key string) bool {
	for k := range keys {
		if strings.HasPrefix(k, key+".") {
			return true
		}
	}
	return false
}

// siblings lists what may stand beside the key, by its last part, for a
// message about one that may not.
func siblings(key string) string {
	parent := ""
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		parent = key[:i+1]
	}
	var names []string
	for _, k := range Keys() {
		rest, ok := strings.CutPrefix(k, parent)
		name, _, _ := strings.Cut(rest, ".")
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func str[S ~string](at func(*Config) *S) field {
	return field{
		read:  func(c *Config, text string) error { *at(c) = S(text); return nil },
		write: func(c Config) string { return strconv.Quote(string(*at(&c))) },
	}
}

// parsed is the field of a type that has a parser and a text.
func parsed[T any](at func(*Config) *T, parse func(string) (T, error), text func(T) string) field {
	return field{
		read: func(c *Config, s string) error {
			v, err := parse(s)
			if err == nil {
				*at(c) = v
			}
			return err
		},
		write: func(c Config) string { return text(*at(&c)) },
	}
}

func boolean(at func(*Config) *bool) field {
	return parsed(at, func(text string) (bool, error) {
		if text != "true" && text != "false" {
			return false, fmt.Errorf("%q is not a yes or no: write true or false", text)
		}
		return text == "true", nil
	}, strconv.FormatBool)
}

func integer(at func(*Config) *int) field {
	return parsed(at, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil {
			return 0, fmt.Errorf("%q is not a whole number", text)
		}
		return n, nil
	}, strconv.Itoa)
}

func fraction(at func(*Config) *float64) field {
	return parsed(at, func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a number: write one from 0 to 1, such as 0.1", text)
		}
		return f, nil
	}, func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) })
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

func level(at func(*Config) *slog.Level) field {
	return parsed(at, func(text string) (slog.Level, error) {
		l, ok := levels[text]
		if !ok {
			return 0, fmt.Errorf("%q is not a log level: write debug, info, warn or error", text)
		}
		return l, nil
	}, func(l slog.Level) string { return strings.ToLower(l.String()) })
}

func duration(at func(*Config) *time.Duration) field {
	return parsed(at, ParseDuration, formatDuration)
}

func size(at func(*Config) *ByteSize) field { return parsed(at, ParseByteSize, ByteSize.String) }
