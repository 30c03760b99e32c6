package catalog

import (
	"context"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Manifest is a manifest with what was read out of it.
type Manifest struct {
	Digest       digest.Digest
	MediaType    string
	ArtifactType string // the manifest's, else its config's media type
	// Type is the short name of the definition that it matches, empty for
	// none, and Shown a JSON object of the fields that its config shows, or
	// empty.
	Type, Shown string
	Bytes       []byte
	Subject     digest.Digest
	// Platform is "os/arch[/variant]", or several separated by a space.
	Platform string
	// Annotations is a JSON object of at most lading.MaxAnnotations bytes
	// ("…" as its last key tells that some were left out), or empty.
	Annotations string
	// Blobs must be linked in the repository; Children must be there as
	// manifests. MaybeBlobs and MaybeChildren are recorded whether or not
	// they are there.
	Blobs, Children, MaybeBlobs, MaybeChildren []digest.Digest
	// Remote is how many references are of what need not be there: they are
	// in none of these.
	Remote int64
}

// PutOptions says how a manifest is put.
type PutOptions struct {
	Tags  []string // to point to it
	Actor string   // who puts it
	// If must hold of the tag, if there is exactly one, or else of the
	// manifest. It is checked even if there is nothing to change.
	If lading.Precondition
	// KeepTags refuses, with DENIED, to point a tag elsewhere that is there.
	KeepTags bool
	// Generation is what the manifest was typed, and allowed, by (see
	// Typing): when that is not the current one any more, the put is refused
	// with ErrStaleType. 0 asks for nothing.
	Generation int64
}

// PutResult is what a put found.
type PutResult struct {
	// Missing are those of MaybeBlobs and MaybeChildren that are not there.
	Missing []digest.Digest
}

// MissingDetail is the detail of MANIFEST_BLOB_UNKNOWN.
type MissingDetail struct {
	Digest digest.Digest `json:"digest"`
}

// PutManifest is PutManifestWith without a condition.
func (c *Catalog) PutManifest(ctx context.Context, repo string, m *Manifest, tags []string, actor string) error {
	_, err := c.PutManifestWith(ctx, repo, m, PutOptions{Tags: tags, Actor: actor})
	return err
}

// PutManifestWith stores a manifest and points the tags to it, in one
// transaction with the journal rows. It changes nothing where nothing is new.
//
// Errors: ErrStaleType; PRECONDITION_FAILED; MANIFEST_BLOB_UNKNOWN with a
// MissingDetail for each digest that is not there; what a Rule answers.
func (c *Catalog) PutManifestWith(ctx context.Context, repo string, m *Manifest, opt PutOptions) (PutResult, error) {
	p := &put{c: c, name: repo, m: m, when: opt.If, keep: opt.KeepTags, generation: opt.Generation, tags: slices.Compact(slices.Sorted(slices.Values(opt.Tags))), digest: EncodeDigest(m.Digest)}
	var err error
	if p.lists, err = c.lists(ctx, repo); err != nil {
		return PutResult{}, err
	}
	for _, w := range []struct {
		id   *int64
		text string
	}{{&p.mediaType, m.MediaType}, {&p.platform, m.Platform}, {&p.actor, opt.Actor}} {
		if *w.id, err = c.word(ctx, w.text); err != nil {
			return PutResult{}, err
		}
	}
	if p.typ, err = c.typeWord(ctx, Type{m.Type, m.ArtifactType}); err != nil {
		return PutResult{}, err
	}
	if err := c.db.Update(ctx, c.Shard(repo), p.run); err != nil {
		return PutResult{}, err
	}
	return PutResult{Missing: unique(slices.Concat(p.missingBlobs, p.missingChildren))}, nil
}

// put is one PutManifestWith. run may be called more than once: it resets what
// it gathered.
type put struct {
	c                               *Catalog
	name                            string
	m                               *Manifest
	when                            lading.Precondition
	keep                            bool  // no tag may move
	generation, typed               int64 // the manifest's, and the catalog's
	tags                            []string
	lists                           []int64
	digest                          []byte
	mediaType, typ, platform, actor int64

	repo   *repositoryRow
	target *manifestRow // the manifest, nil until it exists
	// It is about to go, because of what was deleted.
	orphaned bool
	current  map[string]*tagRow
	graves   []grave
	blobs    []int64
	empties  []emptyBlob
	// Those of the manifest's Maybe lists that are not there.
	missingBlobs, missingChildren []digest.Digest
}

func (p *put) run(tx *sqldb.Tx) error {
	absent, err := p.read(tx)
	if err != nil {
		return err
	}
	if err := p.condition(); err != nil {
		return err
	}
	// Of a manifest that is there too: a policy may forbid what was taken
	// once.
	if p.generation != p.typed {
		return ErrStaleType
	}
	// Also of a manifest that is there: it may have been put where sparse
	// manifests were taken, and a policy may have changed that.
	if len(absent) > 0 {
		return missingContent(absent)
	}
	moved := slices.DeleteFunc(slices.Clone(p.tags), func(t string) bool {
		cur := p.current[t]
		return cur != nil && p.target != nil && cur.to.id == p.target.id
	})
	if p.target != nil && len(moved) == 0 {
		if p.orphaned {
			saveOrphan(tx, p.target)
		}
		return nil
	}
	if p.keep && slices.ContainsFunc(moved, func(t string) bool { return p.current[t] != nil }) {
		return lading.ErrDenied.With("you may not point a tag elsewhere here that is there already: push another tag")
	}
	for _, rule := range p.c.rules {
		if err := rule(tx, Change{Repository: p.name, Manifest: p.m, Tags: moved}); err != nil {
			return err
		}
	}
	return p.write(tx, moved)
}

// condition checks what the caller wants to be there, or not to be there.
func (p *put) condition() error {
	if p.when.Empty() {
		return nil
	}
	current := p.target
	if len(p.tags) == 1 {
		current = nil
		if t := p.current[p.tags[0]]; t != nil {
			current = t.to
		}
	}
	return holds(p.when, current)
}

// holds checks a condition on a manifest; nil is none.
func holds(cond lading.Precondition, m *manifestRow) error {
	if m == nil {
		return cond.Check("")
	}
	d, err := DecodeDigest(m.digest)
	if err != nil {
		return err
	}
	return cond.Check(d)
}

func absent(ds []digest.Digest, found map[string]bool) (out []digest.Digest) {
	for _, d := range ds {
		if !found[string(EncodeDigest(d))] {
			out = append(out, d)
		}
	}
	return out
}

func missingContent(ds []digest.Digest) error {
	details := make([]MissingDetail, 0, len(ds))
	for _, d := range ds[:min(len(ds), 100)] {
		details = append(details, MissingDetail{d})
	}
	return lading.ErrManifestBlobUnknown.With("%d of the blobs or manifests that this manifest refers to are not in this repository, the first is %s: push them first", len(ds), ds[0]).WithDetail(details)
}

// write carries the change out; nothing can refuse it any more.
func (p *put) write(tx *sqldb.Tx, moved []string) error {
	repo := p.repo
	if repo == nil {
		repo = &repositoryRow{id: journal.From(tx).NewID(), name: p.name}
	}
	ch := p.c.newChange(tx, repo, p.lists, p.actor)
	if repo.born == 0 {
		if err := ch.birth(); err != nil {
			return err
		}
	}
	losing, previous := p.losing(moved), p.previous(moved)
	if p.target == nil {
		p.target = p.create(ch, int64(len(moved)))
	} else {
		p.target.tagged += int64(len(moved))
		ch.touch(p.target)
	}
	for _, m := range losing {
		ch.touch(m)
	}
	for _, name := range moved {
		if cur := p.current[name]; cur != nil {
			ch.moveTag(cur, p.target)
		} else {
			ch.openTag(name, p.target, ch.raise(p.graves, TagGone, name))
		}
	}
	p.audit(ch, moved, previous)
	ch.finish()
	return nil
}

// losing counts the tags down at the manifests that they leave, and returns
// those in the order of their tags.
func (p *put) losing(moved []string) (out []*manifestRow) {
	for _, name := range moved {
		if cur := p.current[name]; cur != nil {
			cur.to.tagged--
			if !slices.Contains(out, cur.to) {
				out = append(out, cur.to)
			}
		}
	}
	return out
}

// create inserts the manifest with what it refers to.
func (p *put) create(ch *change, tagged int64) *manifestRow {
	m := &manifestRow{id: ch.w.NewID(), typ: p.typ, size: int64(len(p.m.Bytes)), digest: p.digest, tagged: tagged}
	pos, rev := ch.record(journal.Row{Kind: journal.Manifest, Action: journal.Created, Digest: p.digest, Type: p.typ, Flags: m.flags()})
	m.born, m.mod, m.wasTagged = pos, pos, tagged
	previous := ch.raise(p.graves, ManifestGone, tombstoneName(p.m.Digest))
	ch.tx.Exec(`INSERT INTO content(manifest,bytes) VALUES(?,?)`, m.id, p.m.Bytes)
	ch.tx.Exec(`INSERT INTO manifest(id,repo,digest,media_type,type,size,platform,subject,annotations,tagged,kept,rev,born,mod,previous,shown,remote) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		m.id, ch.repo.id, p.digest, p.mediaType, p.typ, m.size, p.platform, EncodeDigest(p.m.Subject), nullable(p.m.Annotations), tagged, min(tagged, 1), rev, pos, pos, previous, nullable(p.m.Shown), p.m.Remote)
	p.linkEmpties(ch)
	for ids := range slices.Chunk(p.blobs, inStep) {
		args := make([]any, 0, 3*len(ids))
		for _, b := range ids {
			args = append(args, ch.repo.id, b, m.id)
		}
		ch.tx.Exec(`INSERT INTO manifest_blob(repo,blob,manifest) VALUES`+sqldb.Values(len(ids), 3), args...)
	}
	p.createMissing(ch, m.id)
	for kids := range slices.Chunk(unique(slices.Concat(p.m.Children, p.m.MaybeChildren)), inStep) {
		args := make([]any, 0, 3*len(kids))
		for _, d := range kids {
			args = append(args, ch.repo.id, EncodeDigest(d), m.id)
		}
		ch.tx.Exec(`INSERT INTO manifest_child(repo,child,manifest) VALUES`+sqldb.Values(len(kids), 3), args...)
	}
	lists := ch.feed.with(TypeList(p.typ))
	if tagged == 0 {
		lists = append(lists, UntaggedList)
	}
	ch.feed.insert(ManifestModified, pos, m.id, p.typ, lists...)
	ch.feed.insert(ManifestCreated, pos, m.id, p.typ, lists...)
	ch.repo.manifests++
	ch.repo.size += m.size
	return m
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// inStep bounds the parameters of one statement.
const inStep = 64

// inSize is the number of placeholders for n values: few different numbers
// make few different statements.
func inSize(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

// inArgs appends the values for an IN of inSize(len(vs)) placeholders; the
// last is repeated to fill up.
func inArgs[T string | []byte | int64 | digest.Digest](args []any, vs []T) []any {
	for i := range inSize(len(vs)) {
		switch v := any(vs[min(i, len(vs)-1)]).(type) {
		case digest.Digest:
			args = append(args, EncodeDigest(v))
		default:
			args = append(args, v)
		}
	}
	return args
}

func unique(ds []digest.Digest) []digest.Digest {
	if len(ds) < 2 {
		return ds
	}
	return slices.Compact(slices.Sorted(slices.Values(ds)))
}
