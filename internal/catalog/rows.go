package catalog

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/sqldb"
)

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
		items, err := collect(rows, err, fields, repoFields)
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
	items, err := collect(rows, err, fields, noFields)
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
	return c.allOf(ctx, q, repos, narrow, tagType, `SELECT `+tagColumns+`,t.repo FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.repo IN %s%s ORDER BY t.repo,t.name`, tagFields)
}

// AllManifestsOf is AllTagsOf for manifests.
func (c *Catalog) AllManifestsOf(ctx context.Context, q sqldb.Querier, repos []RepositoryItem, narrow Narrow) ([]*Item, error) {
	return c.allOf(ctx, q, repos, narrow, "m.type", `SELECT `+manifestCols+`,m.repo FROM manifest m WHERE m.repo IN %s%s ORDER BY m.repo,m.digest`, manifestFields)
}

func (c *Catalog) allOf(ctx context.Context, q sqldb.Querier, repos []RepositoryItem, narrow Narrow, typ, text string, fields func(*Item) []any) ([]*Item, error) {
	ids, byRepo := make([]int64, 0, len(repos)), make(map[int64][]*Item, len(repos))
	for _, r := range repos {
		ids = append(ids, r.ID)
	}
	for len(ids) > 0 {
		n := min(len(ids), inStep)
		where, args := narrow.where(typ, inArgs(nil, ids[:n]))
		rows, err := q.Query(ctx, fmt.Sprintf(text, sqldb.In(inSize(n)), where), args...)
		items, err := collect(rows, err, fields, repoID)
		if err != nil {
			return nil, err
		}
		for _, it := range items {
			byRepo[it.Repo.ID] = append(byRepo[it.Repo.ID], it)
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
