package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
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
	Type     int64 // the artifact type's word
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

// Gone is a tombstone of a tag, a manifest or a repository.
type Gone struct {
	ID         int64
	Repository string
	Name       string // the tag's name, or the manifest's digest
	Kind       FeedKind
	Born       int64 // a repository's
}

type descriptorRow struct {
	digest               []byte
	mediaType, typ, size int64
	platform             int64
	annotations          sql.NullString
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
	if out.ArtifactType, err = c.Word(ctx, q, d.typ); err != nil {
		return out, err
	}
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
	descColumns  = `m.digest,m.media_type,m.type,m.size,m.platform,m.annotations,m.subject`
	repoColumns  = `r.id,r.name,r.incarnation,r.born`
	tagColumns   = `t.id,t.name,t.rev,t.born,t.mod,t.previous,` + descColumns
	manifestCols = `m.id,m.tagged,m.rev,m.born,m.mod,m.previous,` + descColumns
)

func (it *Item) descFields() []any {
	return []any{&it.desc.digest, &it.desc.mediaType, &it.desc.typ, &it.desc.size, &it.desc.platform, &it.desc.annotations}
}

// collect reads rows of fields, of which fields(it) are the targets, followed
// by the subject and, if withRepo, the repository's columns.
func collect(rows sqldb.Rows, err error, fields func(*Item) []any, withRepo bool) ([]*Item, error) {
	if err != nil {
		return nil, fmt.Errorf("catalog: items: %w", err)
	}
	defer rows.Close()
	var out []*Item
	for rows.Next() {
		it := &Item{}
		var subject []byte
		dest := append(append(fields(it), it.descFields()...), &subject)
		if withRepo {
			dest = append(dest, &it.Repo.ID, &it.Repo.Name, &it.Repo.Incarnation, &it.Repo.Born)
		}
		if err := rows.Scan(dest...); err != nil {
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
	return []any{&it.ID, &it.Tagged, &it.Rev, &it.Born, &it.Mod, &it.Previous}
}

// Tags returns the tags with those ids, of living repositories, by id.
func (c *Catalog) Tags(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]*Item, error) {
	return c.byID(ctx, q, ids, `SELECT `+tagColumns+`,`+repoColumns+` FROM tag t JOIN manifest m ON m.id=t.manifest JOIN repository r ON r.id=t.repo WHERE t.id IN `, tagFields)
}

// Manifests returns the manifests with those ids, of living repositories.
func (c *Catalog) Manifests(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]*Item, error) {
	return c.byID(ctx, q, ids, `SELECT `+manifestCols+`,`+repoColumns+` FROM manifest m JOIN repository r ON r.id=m.repo WHERE m.id IN `, manifestFields)
}

func (c *Catalog) byID(ctx context.Context, q sqldb.Querier, ids []int64, sql string, fields func(*Item) []any) (map[int64]*Item, error) {
	out := make(map[int64]*Item, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		rows, err := q.Query(ctx, sql+sqldb.In(inSize(n)), inArgs(nil, ids[:n])...)
		items, err := collect(rows, err, fields, true)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			if it.Platform, err = c.Word(ctx, q, it.desc.platform); err != nil {
				return nil, err
			}
			out[it.ID] = it
		}
		ids = ids[n:]
	}
	return out, nil
}

// TagsOf returns up to n tags of a repository after a name, in order, or
// before it, backwards, if desc; an empty name is the beginning.
func (c *Catalog) TagsOf(ctx context.Context, q sqldb.Querier, repo RepositoryItem, after string, n int, desc bool) ([]*Item, error) {
	text := `SELECT ` + tagColumns + ` FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo=? AND t.name>? ORDER BY t.name LIMIT ?`
	if desc {
		text = `SELECT ` + tagColumns + ` FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo=? AND t.name<? ORDER BY t.name DESC LIMIT ?`
		if after == "" {
			after = "\x7f" // beyond every tag
		}
	}
	rows, err := q.Query(ctx, text, repo.ID, bound(after), n)
	return c.inRepository(ctx, q, repo, rows, err, tagFields)
}

// ManifestsOf is TagsOf for manifests, by digest.
func (c *Catalog) ManifestsOf(ctx context.Context, q sqldb.Querier, repo RepositoryItem, after digest.Digest, n int, desc bool) ([]*Item, error) {
	text, from := `SELECT `+manifestCols+` FROM manifest m WHERE m.repo=? AND m.digest>? ORDER BY m.digest LIMIT ?`, afterDigest(after)
	if desc {
		text = `SELECT ` + manifestCols + ` FROM manifest m WHERE m.repo=? AND m.digest<? ORDER BY m.digest DESC LIMIT ?`
		if after == "" {
			from = []byte{0xff, 0xff} // beyond every digest
		}
	}
	rows, err := q.Query(ctx, text, repo.ID, from, n)
	return c.inRepository(ctx, q, repo, rows, err, manifestFields)
}

func (c *Catalog) inRepository(ctx context.Context, q sqldb.Querier, repo RepositoryItem, rows sqldb.Rows, err error, fields func(*Item) []any) ([]*Item, error) {
	items, err := collect(rows, err, fields, false)
	for _, it := range items {
		it.Repo = repo
		if it.Platform, err = c.Word(ctx, q, it.desc.platform); err != nil {
			return nil, err
		}
	}
	return items, err
}

// AllTagsOf returns all tags of several repositories that narrow keeps, in the
// order of the repositories given. The caller knows that there are few.
func (c *Catalog) AllTagsOf(ctx context.Context, q sqldb.Querier, repos []RepositoryItem, narrow Narrow) ([]*Item, error) {
	return c.allOf(ctx, q, repos, narrow, `SELECT `+tagColumns+`,t.repo FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo IN %s%s ORDER BY t.repo,t.name`, tagFields)
}

// AllManifestsOf is AllTagsOf for manifests.
func (c *Catalog) AllManifestsOf(ctx context.Context, q sqldb.Querier, repos []RepositoryItem, narrow Narrow) ([]*Item, error) {
	return c.allOf(ctx, q, repos, narrow, `SELECT `+manifestCols+`,m.repo FROM manifest m WHERE m.repo IN %s%s ORDER BY m.repo,m.digest`, manifestFields)
}

func (c *Catalog) allOf(ctx context.Context, q sqldb.Querier, repos []RepositoryItem, narrow Narrow, text string, fields func(*Item) []any) ([]*Item, error) {
	ids, byRepo := make([]int64, 0, len(repos)), make(map[int64][]*Item, len(repos))
	for _, r := range repos {
		ids = append(ids, r.ID)
	}
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		where, args := narrow.where(inArgs(nil, ids[:n]))
		rows, err := q.Query(ctx, fmt.Sprintf(text, sqldb.In(inSize(n)), where), args...)
		if err != nil {
			return nil, fmt.Errorf("catalog: items: %w", err)
		}
		if err := scanAll(rows, fields, byRepo); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	var out []*Item
	for _, r := range repos {
		for _, it := range byRepo[r.ID] {
			it.Repo = r
			var err error
			if it.Platform, err = c.Word(ctx, q, it.desc.platform); err != nil {
				return nil, err
			}
			out = append(out, it)
		}
	}
	return out, nil
}

func scanAll(rows sqldb.Rows, fields func(*Item) []any, byRepo map[int64][]*Item) error {
	defer rows.Close()
	for rows.Next() {
		it := &Item{}
		var subject []byte
		var repo int64
		if err := rows.Scan(append(append(fields(it), it.descFields()...), &subject, &repo)...); err != nil {
			return fmt.Errorf("catalog: items: %w", err)
		}
		var err error
		if it.Digest, err = DecodeDigest(it.desc.digest); err != nil {
			return err
		}
		if it.Subject, err = DecodeDigest(subject); err != nil {
			return err
		}
		it.Type = it.desc.typ
		byRepo[repo] = append(byRepo[repo], it)
	}
	return rows.Err()
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

const repositorySQL = `SELECT id,name,incarnation,rev,born,mod,previous,tags,manifests,size FROM repository WHERE `

func scanRepositories(rows sqldb.Rows, err error) ([]RepositoryItem, error) {
	if err != nil {
		return nil, fmt.Errorf("catalog: repositories: %w", err)
	}
	defer rows.Close()
	var out []RepositoryItem
	for rows.Next() {
		var r RepositoryItem
		if err := rows.Scan(&r.ID, &r.Name, &r.Incarnation, &r.Rev, &r.Born, &r.Mod, &r.Previous, &r.Tags, &r.Manifests, &r.Size); err != nil {
			return nil, fmt.Errorf("catalog: repositories: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// RepositoriesIn returns up to n living repositories in a range of names, the
// last first if desc.
func (c *Catalog) RepositoriesIn(ctx context.Context, q sqldb.Querier, r lading.Range, n int, desc bool) ([]RepositoryItem, error) {
	text, args := repositorySQL+`born>0 AND name>=?`, []any{bound(r.From)}
	if r.To != "" {
		text, args = text+` AND name<?`, append(args, bound(r.To))
	}
	text += ` ORDER BY name`
	if desc {
		text += ` DESC`
	}
	rows, err := q.Query(ctx, text+` LIMIT ?`, append(args, n)...)
	return scanRepositories(rows, err)
}

// Named finds repositories by name: the living ones, and of those without a
// living one the id of the newest past one.
func (c *Catalog) Named(ctx context.Context, q sqldb.Querier, wanted []string) (live []RepositoryItem, past []int64, err error) {
	found := map[string]bool{}
	for ns := range slices.Chunk(wanted, inStep) {
		rows, err := q.Query(ctx, repositorySQL+`born>0 AND name IN `+sqldb.In(inSize(len(ns))), inArgs(nil, ns)...)
		rs, err := scanRepositories(rows, err)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range rs {
			found[r.Name] = true
		}
		live = append(live, rs...)
	}
	rest := slices.DeleteFunc(slices.Clone(wanted), func(n string) bool { return found[n] })
	newest := map[string]int64{}
	for ns := range slices.Chunk(rest, inStep) {
		rows, err := q.Query(ctx, `SELECT name,MAX(id) FROM repository_past WHERE name IN `+sqldb.In(inSize(len(ns)))+` GROUP BY name`, inArgs(nil, ns)...)
		if err := scanNamed(rows, err, newest); err != nil {
			return nil, nil, err
		}
	}
	return live, slices.Sorted(maps.Values(newest)), nil
}

// PastIn returns the ids of the newest past repositories of up to n names in a
// range that has no living one; living ones have said what there is to say.
// The ids of a name's lives grow from one to the next.
func (c *Catalog) PastIn(ctx context.Context, q sqldb.Querier, r lading.Range, n int) ([]int64, error) {
	text, args := `SELECT p.name,MAX(p.id) FROM repository_past p WHERE p.name>=?`, []any{bound(r.From)}
	if r.To != "" {
		text, args = text+` AND p.name<?`, append(args, bound(r.To))
	}
	newest := map[string]int64{}
	rows, err := q.Query(ctx, text+` AND NOT EXISTS (SELECT 1 FROM repository r WHERE r.name=p.name AND r.born>0) GROUP BY p.name ORDER BY p.name LIMIT ?`, append(args, n)...)
	if err := scanNamed(rows, err, newest); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Values(newest)), nil
}

func scanNamed(rows sqldb.Rows, err error, into map[string]int64) error {
	if err != nil {
		return fmt.Errorf("catalog: past repositories: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var id int64
		if err := rows.Scan(&name, &id); err != nil {
			return fmt.Errorf("catalog: past repositories: %w", err)
		}
		into[name] = id
	}
	return rows.Err()
}

// Match is a manifest that refers to a subject.
type Match struct {
	ID, Born, Mod int64
	Digest        digest.Digest
	Repository    string
}

// BySubject returns up to n manifests of living repositories with a subject,
// in no particular order.
func (c *Catalog) BySubject(ctx context.Context, q sqldb.Querier, subject digest.Digest, n int) ([]Match, error) {
	rows, err := q.Query(ctx, `SELECT m.id,m.born,m.mod,m.digest,r.name FROM manifest m JOIN repository r ON r.id=m.repo WHERE m.subject=? LIMIT ?`, EncodeDigest(subject), n)
	if err != nil {
		return nil, fmt.Errorf("catalog: by subject: %w", err)
	}
	defer rows.Close()
	var out []Match
	for rows.Next() {
		var m Match
		var d []byte
		if err := rows.Scan(&m.ID, &m.Born, &m.Mod, &d, &m.Repository); err != nil {
			return nil, fmt.Errorf("catalog: by subject: %w", err)
		}
		if m.Digest, err = DecodeDigest(d); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, rows.Err()
}

// Repositories returns the living repositories with those ids.
func (c *Catalog) Repositories(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]RepositoryItem, error) {
	out := make(map[int64]RepositoryItem, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		rows, err := q.Query(ctx, repositorySQL+`born>0 AND id IN `+sqldb.In(inSize(n)), inArgs(nil, ids[:n])...)
		rs, err := scanRepositories(rows, err)
		if err != nil {
			return nil, err
		}
		for _, r := range rs {
			out[r.ID] = r
		}
		ids = ids[n:]
	}
	return out, nil
}

// Repository returns the living repository of that name, and otherwise, or
// besides, the newest past one's id and end; zero values where there is none.
func (c *Catalog) Repository(ctx context.Context, q sqldb.Querier, name string) (live RepositoryItem, pastID, ended int64, err error) {
	rows, err := q.Query(ctx, repositorySQL+`born>0 AND name=?`, name)
	rs, err := scanRepositories(rows, err)
	if err != nil {
		return live, 0, 0, err
	}
	if len(rs) > 0 {
		return rs[0], 0, 0, nil
	}
	past, err := q.Query(ctx, `SELECT id,ended FROM repository_past WHERE name=? ORDER BY ended DESC LIMIT 1`, name)
	if err != nil {
		return live, 0, 0, fmt.Errorf("catalog: repository: %w", err)
	}
	defer past.Close()
	for past.Next() {
		if err := past.Scan(&pastID, &ended); err != nil {
			return live, 0, 0, fmt.Errorf("catalog: repository: %w", err)
		}
	}
	return live, pastID, ended, past.Err()
}

// GoneRepositories returns the past repositories with those ids.
func (c *Catalog) GoneRepositories(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]Gone, error) {
	return c.gone(ctx, q, ids, `SELECT id,name,'',8,born FROM repository_past WHERE id IN `)
}

// Tombstones returns the tombstones with those ids, of living repositories.
func (c *Catalog) Tombstones(ctx context.Context, q sqldb.Querier, ids []int64) (map[int64]Gone, error) {
	return c.gone(ctx, q, ids, `SELECT x.id,r.name,x.name,x.kind,0 FROM tombstone x JOIN repository r ON r.id=x.repo WHERE x.id IN `)
}

func (c *Catalog) gone(ctx context.Context, q sqldb.Querier, ids []int64, text string) (map[int64]Gone, error) {
	out := make(map[int64]Gone, len(ids))
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		rows, err := q.Query(ctx, text+sqldb.In(inSize(n)), inArgs(nil, ids[:n])...)
		if err != nil {
			return nil, fmt.Errorf("catalog: tombstones: %w", err)
		}
		for rows.Next() {
			var g Gone
			var kind int64
			if err := rows.Scan(&g.ID, &g.Repository, &g.Name, &kind, &g.Born); err != nil {
				rows.Close()
				return nil, fmt.Errorf("catalog: tombstones: %w", err)
			}
			g.Kind = FeedKind(kind)
			out[g.ID] = g
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, fmt.Errorf("catalog: tombstones: %w", err)
		}
		ids = ids[n:]
	}
	return out, nil
}

// Put returns the item as a listing shows it.
func (c *Catalog) Put(ctx context.Context, q sqldb.Querier, kind lading.Kind, it *Item) (lading.Item, error) {
	desc, err := c.descriptor(ctx, q, it.desc)
	if err != nil {
		return lading.Item{}, err
	}
	created, modified := journal.Time(it.Born), journal.Time(it.Mod)
	out := lading.Item{Op: lading.OpPut, Repository: it.Repo.Name, Incarnation: IncarnationText(it.Repo.Incarnation), Rev: it.Rev,
		Descriptor: &desc, Subject: it.Subject, Created: &created, Modified: &modified}
	if kind == lading.KindTags {
		out.Key, out.Tag = lading.TagKey(it.Repo.Name, it.Tag), it.Tag
		return out, nil
	}
	out.Key, out.Tags, out.TagCount = lading.ManifestKey(it.Repo.Name, it.Digest), it.Tags, &it.Tagged
	return out, nil
}

// AnnotationBytes is the size of the annotations that a listing shows.
func (it *Item) AnnotationBytes() int { return len(it.desc.annotations.String) }
