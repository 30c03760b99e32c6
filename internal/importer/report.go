package importer

import (
	"slices"
	"strings"
	"sync"

	"github.com/lading-dev/lading/internal/importer/source"
)

// Report is what an import has done.
type Report struct {
	Source       string      `json:"source"` // what was found, for people
	Kind         source.Kind `json:"kind"`
	DryRun       bool        `json:"dryRun,omitempty"`
	Repositories int         `json:"repositories"`
	Manifests    Count       `json:"manifests"`
	Tags         Count       `json:"tags"`
	Blobs        Count       `json:"blobs"`
	// Bytes were copied; of a dry run: are to be copied.
	Bytes int64 `json:"bytes"`
	// Unreferenced blobs are kept by the source and used by no manifest: they
	// are not taken over.
	Unreferenced int     `json:"unreferenced"`
	Seconds      float64 `json:"seconds"`
	// Skipped is what could not be taken over, and why.
	Skipped []Skip `json:"skipped"`

	mu sync.Mutex
}

// Count counts things of one kind. A blob counts once, however many
// repositories use it.
type Count struct {
	Found    int `json:"found"`    // at the source
	Imported int `json:"imported"` // by this run
	Present  int `json:"present"`  // that were here already
	Skipped  int `json:"skipped"`  // that could not be taken over
}

// Skip is something that was not taken over.
type Skip struct {
	Kind       string `json:"kind"` // "repository", "manifest", "tag", "blob" or "referrers"
	Repository string `json:"repository"`
	Name       string `json:"name,omitempty"` // a tag or digest
	Reason     string `json:"reason"`
}

// String is one line for people.
func (s Skip) String() string {
	switch s.Kind {
	case "repository":
		return "repository " + s.Repository + ": " + s.Reason
	case "tag":
		return "tag " + s.Repository + ":" + s.Name + ": " + s.Reason
	}
	return s.Kind + " " + s.Repository + "@" + s.Name + ": " + s.Reason
}

// The kinds of a Skip.
const (
	skipRepository = "repository"
	skipManifest   = "manifest"
	skipTag        = "tag"
	skipBlob       = "blob"
	skipReferrers  = "referrers" // of a manifest, which is taken without
)

func newReport(src source.Source, dry bool) *Report {
	return &Report{Source: src.Describe(), Kind: src.Kind(), DryRun: dry, Skipped: []Skip{}}
}

// skip records what was not taken over and counts it.
func (r *Report) skip(kind, repo, name, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Skipped = append(r.Skipped, Skip{kind, repo, name, strings.ReplaceAll(reason, "\n", "; ")})
	switch kind {
	case skipManifest:
		r.Manifests.Skipped++
	case skipTag:
		r.Tags.Skipped++
	case skipBlob:
		r.Blobs.Skipped++
	}
}

// count changes numbers.
func (r *Report) count(fn func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fn()
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Skipped, func(a, b Skip) int {
		if c := strings.Compare(a.Repository, b.Repository); c != 0 {
			return c
		}
		return strings.Compare(a.Kind, b.Kind)
	})
}
