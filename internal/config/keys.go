package config

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keys is the one table of what may stand in a file: how the text of each key
// becomes a field. The functions only read; Check judges the value. Their
// errors say what is wrong and what is allowed.
var keys = map[string]func(c *Config, text string) error{
	"listen":                  func(c *Config, s string) error { return str(&c.Listen, s) },
	"data":                    func(c *Config, s string) error { return str(&c.Data, s) },
	"durability":              func(c *Config, s string) error { return str(&c.Durability, s) },
	"insecure_no_auth":        func(c *Config, s string) error { return boolean(&c.InsecureNoAuth, s) },
	"catalog.url":             func(c *Config, s string) error { return str(&c.Catalog.URL, s) },
	"catalog.shards":          func(c *Config, s string) error { return integer(&c.Catalog.Shards, s) },
	"http.header_timeout":     func(c *Config, s string) error { return duration(&c.HTTP.HeaderTimeout, s) },
	"http.body_idle":          func(c *Config, s string) error { return duration(&c.HTTP.BodyIdle, s) },
	"http.idle_timeout":       func(c *Config, s string) error { return duration(&c.HTTP.IdleTimeout, s) },
	"http.max_header":         func(c *Config, s string) error { return size(&c.HTTP.MaxHeader, s) },
	"http.absolute_locations": func(c *Config, s string) error { return boolean(&c.HTTP.AbsoluteLocations, s) },
	"retention.journal":       func(c *Config, s string) error { return duration(&c.Retention.Journal, s) },
	"retention.tombstones":    func(c *Config, s string) error { return duration(&c.Retention.Tombstones, s) },
	"retention.uploads":       func(c *Config, s string) error { return duration(&c.Retention.Uploads, s) },
	"log.level":               func(c *Config, s string) error { return level(&c.Log.Level, s) },
	"log.format":              func(c *Config, s string) error { return str(&c.Log.Format, s) },
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

func str[S ~string](to *S, text string) error {
	*to = S(text)
	return nil
}

func boolean(to *bool, text string) error {
	switch text {
	case "true":
		*to = true
	case "false":
		*to = false
	default:
		return fmt.Errorf("%q is not a yes or no: write true or false", text)
	}
	return nil
}

func integer(to *int, text string) error {
	n, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%q is not a whole number", text)
	}
	*to = n
	return nil
}

func level(to *slog.Level, text string) error {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	l, ok := levels[text]
	if !ok {
		return fmt.Errorf("%q is not a log level: write debug, info, warn or error", text)
	}
	*to = l
	return nil
}

func duration(to *time.Duration, text string) error {
	d, err := ParseDuration(text)
	if err != nil {
		return err
	}
	*to = d
	return nil
}

func size(to *ByteSize, text string) error {
	n, err := ParseByteSize(text)
	if err != nil {
		return err
	}
	*to = n
	return nil
}
