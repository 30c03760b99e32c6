package core

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/types"
)

// configFacts is what a config says, to a type or to none: it follows from the
// bytes and the type alone. It does not change.
type configFacts struct {
	typ      *arttype.Type // nil for one that reads nothing
	image    bool          // whether the platform was read
	checked  bool          // whether it was held against the type's schema
	platform string
	shown    string
	notJSON  bool // the type reads it, and it is none
	found    []arttype.Violation
}

// largeConfig is the size in bytes from which on a config waits for its turn.
const largeConfig = 64 << 10

// turns is how many large configs are read at once: the worst of them takes
// some 100 ms, and the processors are there for others, too.
func turns() chan struct{} { return make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)) }

// readFacts reads a config, a large one when it is its turn.
//
// Errors: that of ctx.
func (r *Registry) readFacts(ctx context.Context, config []byte, image bool, typ *arttype.Type, check bool) (*configFacts, error) {
	if len(config) > largeConfig {
		select {
		case r.large <- struct{}{}:
			defer func() { <-r.large }()
		case <-ctx.Done():
			return nil, fmt.Errorf("core: read config: %w", ctx.Err())
		}
	}
	return readFacts(config, image, typ, check), nil
}

// readFacts reads a config.
func readFacts(config []byte, image bool, typ *arttype.Type, check bool) *configFacts {
	f := &configFacts{typ: typ, image: image, checked: check}
	var c *arttype.Config
	if typ != nil {
		var err error
		c, err = arttype.ReadConfig(config)
		f.notJSON = err != nil
	}
	if image {
		f.platform = imagePlatform(c, config)
	}
	if c != nil {
		f.shown = types.ShownOf(typ, c)
	}
	if c != nil && check {
		f.found = slices.Clip(typ.CheckConfig(c))
	}
	return f
}

// imagePlatform is what an image's config says; where the config was read for
// its type, it is not read again.
func imagePlatform(c *arttype.Config, config []byte) string {
	if c != nil {
		os, ok := c.Member("os")
		architecture, _ := c.Member("architecture")
		variant, _ := c.Member("variant")
		if ok {
			return platformText(os, architecture, variant)
		}
	}
	var p ocispec.Platform
	if json.Unmarshal(config, &p) != nil {
		return ""
	}
	return platformText(p.OS, p.Architecture, p.Variant)
}

// configCache remembers small blobs that were lately pushed to a repository,
// one of which is the config of the manifest that comes next, and what configs
// said. It says nothing of whether a blob is still there: whoever uses it has
// that checked, in the push's transaction or before. Repositories share
// nothing in it, so that how long a push takes tells nothing of the others.
//
// There are two generations, as in the catalog's cache of links.
type configCache struct {
	budget int // bytes, of one generation

	mu         sync.Mutex
	young, old map[configKey]configEntry
	weight     int // of the young ones, in bytes
}

type configKey struct {
	repo   string
	digest digest.Digest
}

// configEntry has one of the two, or both.
type configEntry struct {
	bytes []byte
	facts *configFacts
}

const (
	configBudget   = 8 << 20
	configOverhead = 300 // about what an entry takes beside its texts
)

func newConfigCache(budget int) *configCache {
	return &configCache{budget: budget / 2, young: map[configKey]configEntry{}}
}

func (e configEntry) weight(key configKey) int {
	w := configOverhead + len(key.repo) + len(key.digest) + len(e.bytes)
	if e.facts != nil {
		w += len(e.facts.platform) + len(e.facts.shown)
		for _, v := range e.facts.found {
			w += 64 + len(v.Pointer) + len(v.Reason)
		}
	}
	return w
}

// get returns what is remembered, nothing for what is not.
func (c *configCache) get(repo string, d digest.Digest) configEntry {
	key := configKey{repo, d}
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.young[key]
	if !ok {
		if e, ok = c.old[key]; ok {
			c.put(key, e)
		}
	}
	return e
}

// pushed remembers the bytes of a small blob.
func (c *configCache) pushed(repo string, d digest.Digest, b []byte) {
	if len(b) > catalog.MaxSmallBlob {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := configKey{repo, d}
	if _, ok := c.young[key]; !ok {
		c.put(key, configEntry{bytes: bytes.Clone(b)})
	}
}

// said remembers what a config says.
func (c *configCache) said(repo string, d digest.Digest, f *configFacts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := configKey{repo, d}
	e := c.young[key]
	e.facts = f
	c.put(key, e)
}

func (c *configCache) put(key configKey, e configEntry) {
	w := e.weight(key)
	if c.weight+w > c.budget {
		c.old, c.young, c.weight = c.young, map[configKey]configEntry{}, 0
	}
	if before, ok := c.young[key]; ok {
		c.weight -= before.weight(key)
	}
	c.young[key] = e
	c.weight += w
}
