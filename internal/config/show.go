package config

import (
	"fmt"
	"strings"
)

// Text is the configuration as a file that Load reads, every key with its
// value. What may be a secret is left out of it: the catalog's URL is the
// redacted one.
func (c Config) Text() string {
	c.Catalog.URL = c.Catalog.withoutSecrets()
	var b strings.Builder
	var before []string // the groups of the last key
	for _, key := range topFirst(Keys()) {
		parts := strings.Split(key, ".")
		groups, name := parts[:len(parts)-1], parts[len(parts)-1]
		for i, g := range groups {
			if i >= len(before) || before[i] != g {
				fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", i), g)
				before = nil
			}
		}
		before = groups
		fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", len(groups)), name, c.Value(key))
	}
	return b.String()
}

// Value is the value of a key as it stands in a file, secrets and all; of no
// key, nothing.
func (c Config) Value(key string) string {
	f, ok := keys[key]
	if !ok {
		return ""
	}
	return f.write(c)
}

// topFirst puts the keys outside of groups before the others.
func topFirst(sorted []string) []string {
	var top, rest []string
	for _, k := range sorted {
		if strings.Contains(k, ".") {
			rest = append(rest, k)
		} else {
			top = append(top, k)
		}
	}
	return append(top, rest...)
}

// Redacted is the URL without what may be secret, for a log: "sqlite" when
// there is none.
func (c Catalog) Redacted() string {
	if c.URL == "" {
		return "sqlite"
	}
	return c.withoutSecrets()
}

// withoutSecrets is the URL without its user, its password and its parameters.
func (c Catalog) withoutSecrets() string {
	if c.URL == "" {
		return ""
	}
	rest, _, _ := strings.Cut(c.URL, "?") // may hold password=
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	return "postgres://" + strings.TrimPrefix(strings.TrimPrefix(rest, "postgresql://"), "postgres://")
}
