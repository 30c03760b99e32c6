package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Item is an item of a listing with what decides whether it is shown.
type Item struct {
	ID       int64
	Repo     RepositoryItem // of a tag or manifest: id, name, incarnation, born
	Tag      string
	Digest   digest.Digest
	Rev      int64
	Born     int64
	Mod      int64
	Previous int64 // where an earlier item of this key was deleted, or 0
	Tagged   int64 // a manifest's number of tags
	Remote   int64 // a manifest's references that are remote
	Type     int64 // the type's word
	Platform string
	Subject  digest.Digest

	desc descriptorRow
	Tags []string // a manifest's first lading.MaxItemTags, see AddTags
}

// RepositoryItem is a living repository.
type RepositoryItem struct {
	ID                    int64
	Name                  string
	Incarnation           []byte
	Rev                   int64
	Born, Mod, Previous   int64
	Tags, Manifests, Size int64
}

type descriptorRow struct {
	digest               []byte
	mediaType, typ, size int64
	platform             int64
	annotations, shown   sql.NullString
}

// TruncatedMark stands before stored annotations that are not complete.
const TruncatedMark = "!"

func (c *Catalog) descriptor(ctx context.Context, q sqldb.Querier, d descriptorRow) (out lading.ItemDescriptor, err error) {
	if out.Digest, err = DecodeDigest(d.digest); err != nil {
		return out, err
	}
	if out.MediaType, err = c.Word(ctx, q, d.mediaType); err != nil {
		return out, err
	}
	typ, err := c.Type(ctx, q, d.typ)
	if err != nil {
		return out, err
	}
	out.ArtifactType = typ.Media
	out.Size = d.size
	platform, err := c.Word(ctx, q, d.platform)
	if err != nil {
		return out, err
	}
	if platform != "" && !strings.Contains(platform, " ") {
		out.Platform = parsePlatform(platform)
	}
	text := d.annotations.String
	if rest, cut := strings.CutPrefix(text, TruncatedMark); cut {
		text, out.AnnotationsTruncated = rest, true
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &out.Annotations); err != nil {
			return out, fmt.Errorf("catalog: stored annotations of %s: %w", out.Digest, err)
		}
	}
	return out, nil
}

func parsePlatform(s string) *ocispec.Platform {
	parts := strings.SplitN(s, "/", 3)
	p := &ocispec.Platform{OS: parts[0]}
	if len(parts) > 1 {
		p.Architecture = parts[1]
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	return p
}

const (
	// tagType is the type of a tag t of the manifest m: the manifest's or, as
	// long as the tag was not told of a change of that, the one before.
	tagType      = `COALESCE((SELECT x.was FROM retyping x WHERE x.manifest=t.manifest AND x.pos>t.mod),m.type)`
	descColumns  = `m.size,m.platform,m.annotations,m.shown,m.subject`
	repoColumns  = `r.id,r.name,r.incarnation,r.born`
	tagColumns   = `t.id,t.name,t.rev,t.born,t.mod,t.previous,m.digest,m.media_type,` + tagType + `,` + descColumns
	manifestCols = `m.id,m.tagged,m.remote,m.rev,m.born,m.mod,m.previous,m.digest,m.media_type,m.type,` + descColumns
)

func (it *Item) descFields() []any {
	return []any{&it.desc.digest, &it.desc.mediaType, &it.desc.typ, &it.desc.size, &it.desc.platform, &it.desc.annotations, &it.desc.shown}
}

// collect reads rows of fields, which fields(it) are the targets of, the
// descriptor's columns and the subject, followed by those of more.
func collect(rows sqldb.Rows, err error, fields, more func(*Item) []any) ([]*Item, error) {
	if err != nil {
		return nil, fmt.Errorf("catalog: items: %w", err)
	}
	defer rows.Close()
	var out []*Item
	for rows.Next() {
		it := &Item{}
		var subject []byte
		if err := rows.Scan(slices.Concat(fields(it), it.descFields(), []any{&subject}, more(it))...); err != nil {
			return nil, fmt.Errorf("catalog: items: %w", err)
		}
		if it.Digest, err = DecodeDigest(it.desc.digest); err != nil {
			return nil, err
		}
		if it.Subject, err = DecodeDigest(subject); err != nil {
			return nil, err
		}
		it.Type = it.desc.typ
		out = append(out, it)
	}
	return out, rows.Err()
}

func tagFields(it *Item) []any {
	return []any{&it.ID, &it.Tag, &it.Rev, &it.Born, &it.Mod, &it.Previous}
}

func manifestFields(it *Item) []any {
	return []any{&it.ID, &it.Tagged, &it.Remote, &it.Rev, &it.Born, &it.Mod, &it.Previous}
}

// What may follow: nothing, the repository's id, or all that an item shows of
// its repository.
func noFields(*Item) []any  { return nil }
func repoID(it *Item) []any { return []any{&it.Repo.ID} }
func repoFields(it *Item) []any {
	return []any{&it.Repo.ID, &it.Repo.Name, &it.Repo.Incarnation, &it.Repo.Born}
}

// AddTags fills in the first tags of each manifest among the items.
func (c *Catalog) AddTags(ctx context.Context, q sqldb.Querier, items []*Item) error {
	var few []int64
	byID := map[int64]*Item{}
	for _, it := range items {
		switch {
		case it.Tagged == 0:
		case it.Tagged <= lading.MaxItemTags:
			few = append(few, it.ID)
			byID[it.ID] = it
		default:
			out, err := names(ctx, q, lading.MaxItemTags, `SELECT name FROM tag WHERE manifest=? ORDER BY name LIMIT ?`, it.ID, lading.MaxItemTags)
			if err != nil {
				return err
			}
			it.Tags = out.Names
		}
	}
	for len(few) > 0 {
		n := min(len(few), inStep)
		rows, err := q.Query(ctx, `SELECT manifest,name FROM tag WHERE manifest IN `+sqldb.In(inSize(n))+` ORDER BY manifest,name`, inArgs(nil, few[:n])...)
		if err != nil {
			return fmt.Errorf("catalog: tags of manifests: %w", err)
		}
		for rows.Next() {
			var id int64
			var name string
			if err := rows.Scan(&id, &name); err != nil {
				rows.Close()
				return fmt.Errorf("catalog: tags of manifests: %w", err)
			}
			byID[id].Tags = append(byID[id].Tags, name)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return fmt.Errorf("catalog: tags of manifests: %w", err)
		}
		few = few[n:]
	}
	return nil
}

// Put returns the item as a listing shows it.
func (c *Catalog) Put(ctx context.Context, q sqldb.Querier, kind lading.Kind, it *Item) (lading.Item, error) {
	desc, err := c.descriptor(ctx, q, it.desc)
	if err != nil {
		return lading.Item{}, err
	}
	typ, err := c.Type(ctx, q, it.desc.typ)
	if err != nil {
		return lading.Item{}, err
	}
	created, modified := journal.Time(it.Born), journal.Time(it.Mod)
	out := lading.Item{Op: lading.OpPut, Repository: it.Repo.Name, Incarnation: IncarnationText(it.Repo.Incarnation), Rev: it.Rev,
		Descriptor: &desc, Type: typ.Name(), Subject: it.Subject, Created: &created, Modified: &modified}
	if it.desc.shown.Valid {
		if err := json.Unmarshal([]byte(it.desc.shown.String), &out.Shown); err != nil {
			return lading.Item{}, fmt.Errorf("catalog: stored fields of %s: %w", it.Digest, err)
		}
	}
	if kind == lading.KindTags {
		out.Key, out.Tag = lading.TagKey(it.Repo.Name, it.Tag), it.Tag
		return out, nil
	}
	out.Key, out.Tags, out.TagCount, out.Remote = lading.ManifestKey(it.Repo.Name, it.Digest), it.Tags, &it.Tagged, it.Remote
	return out, nil
}

// TextBytes is the size of the annotations and fields that a listing shows.
func (it *Item) TextBytes() int { return len(it.desc.annotations.String) + len(it.desc.shown.String) }
