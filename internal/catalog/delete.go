package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// deleteStep bounds the tags that one transaction removes.
const deleteStep = 1000

// DeleteTag is DeleteTagIf without a condition.
func (c *Catalog) DeleteTag(ctx context.Context, repo, tag, actor string) error {
	return c.DeleteTagIf(ctx, repo, tag, actor, lading.Precondition{})
}

// DeleteTagIf removes a tag if the condition holds of it.
//
// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN, PRECONDITION_FAILED; what a Rule
// answers.
func (c *Catalog) DeleteTagIf(ctx context.Context, repo, tag, actor string, when lading.Precondition) error {
	return c.remove(ctx, repo, actor, func(tx *sqldb.Tx, r *repositoryRow, lists []int64, actor int64) error {
		found := map[string]*tagRow{}
		err := tx.Batch(sqldb.Q{SQL: selectTags + ` WHERE t.repo=? AND t.name=?`, Args: []any{r.id, tag}, Scan: func(rows sqldb.Rows) error { return scanTags(rows, found) }})
		if err != nil {
			return fmt.Errorf("catalog: delete tag: %w", err)
		}
		t := found[tag]
		if t == nil {
			return lading.ErrManifestUnknown.With("there is no tag %s in this repository", tag)
		}
		if err := holds(when, t.to); err != nil {
			return err
		}
		if err := c.check(tx, Change{Repository: repo, Tags: []string{tag}, Delete: true}); err != nil {
			return err
		}
		ch := c.newChange(tx, r, lists, actor)
		t.to.tagged--
		ch.touch(t.to)
		ch.closeTag(t)
		ch.audit(lading.AuditRecord{Action: "tag_delete", Tags: []string{tag}, Digest: named(t.to)})
		ch.finish()
		return nil
	})
}

// DeleteManifest is DeleteManifestIf without a condition.
func (c *Catalog) DeleteManifest(ctx context.Context, repo string, d digest.Digest, actor string) error {
	return c.DeleteManifestIf(ctx, repo, d, actor, lading.Precondition{})
}

// DeleteManifestIf removes a manifest, after the tags that point to it: those in
// transactions of at most deleteStep, so that a manifest with very many tags
// does not stop all others.
//
// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN, PRECONDITION_FAILED, CONFLICT when
// an index lists it; what a Rule answers.
func (c *Catalog) DeleteManifestIf(ctx context.Context, repo string, d digest.Digest, actor string, when lading.Precondition) error {
	for more := true; more; {
		err := c.remove(ctx, repo, actor, func(tx *sqldb.Tx, r *repositoryRow, lists []int64, actor int64) (err error) {
			more, err = c.deleteManifest(tx, r, lists, actor, d, when)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteManifest is one step; it returns true if tags are left.
func (c *Catalog) deleteManifest(tx *sqldb.Tx, r *repositoryRow, lists []int64, actor int64, d digest.Digest, when lading.Precondition) (bool, error) {
	ctx, enc := tx.Context(), EncodeDigest(d)
	m := &manifestRow{digest: enc}
	err := tx.QueryRow(ctx, `SELECT id,type,size,tagged,born,mod FROM manifest WHERE repo=? AND digest=?`, r.id, enc).
		Scan(&m.id, &m.typ, &m.size, &m.tagged, &m.born, &m.mod)
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, lading.ErrManifestUnknown
	}
	if err != nil {
		return false, fmt.Errorf("catalog: delete manifest: %w", err)
	}
	m.wasTagged = m.tagged
	if err := when.Check(d); err != nil {
		return false, err
	}
	if err := c.refuseChild(tx, r, enc); err != nil {
		return false, err
	}
	tags, err := tagsOf(tx, m)
	if err != nil {
		return false, err
	}
	names := make([]string, 0, len(tags))
	for _, t := range tags {
		names = append(names, t.name)
	}
	if err := c.check(tx, Change{Repository: r.name, Manifest: &Manifest{Digest: d}, Tags: names, Delete: true}); err != nil {
		return false, err
	}
	blobs, children, err := c.references(tx, r, m)
	if err != nil {
		return false, err
	}
	ch := c.newChange(tx, r, lists, actor)
	m.tagged -= int64(len(tags))
	if m.tagged > 0 {
		ch.touch(m)
	}
	for _, t := range tags {
		ch.closeTag(t)
	}
	if m.tagged == 0 {
		ch.dropManifest(m, blobs, children)
	}
	ch.audit(lading.AuditRecord{Action: "manifest_delete", Tags: names, Digest: d, Size: m.size})
	ch.finish()
	return m.tagged > 0, nil
}

// tagsOf returns up to deleteStep of the tags that point to a manifest.
func tagsOf(tx *sqldb.Tx, m *manifestRow) (out []*tagRow, err error) {
	rows, err := tx.Query(tx.Context(), `SELECT t.id,t.name,t.opened,t.actor,t.born,t.mod,`+tagType+` FROM tag t JOIN manifest m ON m.id=t.manifest WHERE t.manifest=? ORDER BY t.name LIMIT ?`, m.id, deleteStep)
	if err != nil {
		return nil, fmt.Errorf("catalog: tags of a manifest: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		t := &tagRow{to: m}
		if err := rows.Scan(&t.id, &t.name, &t.opened, &t.actor, &t.born, &t.mod, &t.typ); err != nil {
			return nil, fmt.Errorf("catalog: tags of a manifest: %w", err)
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// ParentsDetail is the detail of the CONFLICT that protects a child manifest.
type ParentsDetail struct {
	Parents []digest.Digest `json:"parents"`
}

// refuseChild answers CONFLICT if an index of the repository lists the digest.
func (c *Catalog) refuseChild(tx *sqldb.Tx, r *repositoryRow, enc []byte) error {
	parents, err := digests(tx, `SELECT m.digest FROM manifest_child c JOIN manifest m ON m.id=c.manifest WHERE c.repo=? AND c.child=? LIMIT 10`, r.id, enc)
	if err != nil || len(parents) == 0 {
		return err
	}
	return lading.ErrConflict.With("the manifest is part of the index %s: delete that first", parents[0]).WithDetail(ParentsDetail{parents})
}

func digests(tx *sqldb.Tx, sql string, args ...any) (out []digest.Digest, err error) {
	rows, err := tx.Query(tx.Context(), sql, args...)
	if err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, fmt.Errorf("catalog: %w", err)
		}
		d, err := DecodeDigest(b)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, rows.Err()
}

// dropManifest removes the manifest's rows and leaves a tombstone. Its tags
// are gone.
func (ch *change) dropManifest(m *manifestRow, blobs []int64, children [][]byte) {
	pos, _ := ch.record(journal.Row{Kind: journal.Manifest, Action: journal.Deleted, Digest: m.digest, PreviousType: m.typ,
		Flags: journal.Existed | m.flags()&journal.WasTagged})
	lists := ch.feed.with(TypeList(m.typ))
	if m.wasTagged == 0 {
		lists = append(lists, UntaggedList)
	}
	ch.feed.remove(ManifestModified, m.mod, lists...)
	ch.feed.remove(ManifestCreated, m.born, lists...)
	ch.recordOrphans(m, children, pos)
	ch.tx.Exec(`DELETE FROM content WHERE manifest=?`, m.id)
	ch.tx.Exec(`DELETE FROM manifest WHERE id=?`, m.id)
	for some := range slices.Chunk(blobs, inStep) {
		ch.tx.Exec(`DELETE FROM manifest_blob WHERE repo=? AND manifest=? AND blob IN `+sqldb.In(inSize(len(some))), inArgs([]any{ch.repo.id, m.id}, some)...)
	}
	for some := range slices.Chunk(children, inStep) {
		ch.tx.Exec(`DELETE FROM manifest_child WHERE repo=? AND manifest=? AND child IN `+sqldb.In(inSize(len(some))), inArgs([]any{ch.repo.id, m.id}, some)...)
	}
	forgetMissing(ch.tx, m.id)
	forgetRetyping(ch.tx, m.id)
	d, _ := DecodeDigest(m.digest)
	ch.bury(ManifestGone, tombstoneName(d), pos)
	ch.repo.manifests--
	ch.repo.size -= m.size
}

// references finds the rows that say what the manifest refers to, by reading
// its content again: an index by manifest would cost every push.
func (c *Catalog) references(tx *sqldb.Tx, r *repositoryRow, m *manifestRow) (blobs []int64, children [][]byte, err error) {
	var raw []byte
	if err := tx.QueryRow(tx.Context(), `SELECT bytes FROM content WHERE manifest=?`, m.id).Scan(&raw); err != nil {
		return nil, nil, fmt.Errorf("catalog: content of a manifest: %w", err)
	}
	var wanted []digest.Digest
	for _, d := range References(raw) {
		wanted = append(wanted, d)
		children = append(children, EncodeDigest(d))
	}
	for len(wanted) > 0 {
		n := min(len(wanted), inStep)
		rows, err := tx.Query(tx.Context(), `SELECT id FROM blob WHERE shard=? AND digest IN `+sqldb.In(inSize(n)), inArgs([]any{tx.Shard()}, wanted[:n])...)
		if err != nil {
			return nil, nil, fmt.Errorf("catalog: blobs of a manifest: %w", err)
		}
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				rows.Close()
				return nil, nil, fmt.Errorf("catalog: blobs of a manifest: %w", err)
			}
			blobs = append(blobs, id)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return nil, nil, fmt.Errorf("catalog: blobs of a manifest: %w", err)
		}
		wanted = wanted[n:]
	}
	return blobs, children, nil
}

// DeleteRepository ends a repository: one journal row. Its content is purged
// later, see Purge.
//
// Errors: NAME_UNKNOWN; what a Rule answers.
func (c *Catalog) DeleteRepository(ctx context.Context, repo, actor string) error {
	err := c.remove(ctx, repo, actor, func(tx *sqldb.Tx, r *repositoryRow, lists []int64, actor int64) error {
		if err := c.check(tx, Change{Repository: repo, Delete: true}); err != nil {
			return err
		}
		ch := c.newChange(tx, r, lists, actor)
		pos, rev := ch.record(journal.Row{Kind: journal.Repository, Action: journal.Deleted, Name: repo, Flags: journal.Existed})
		ch.audit(lading.AuditRecord{Action: "repository_delete"})
		tx.Exec(`INSERT INTO repository_past(id,name,incarnation,rev,born,ended) VALUES(?,?,?,?,?,?)`, r.id, repo, r.incarnation, rev, r.born, pos)
		tx.Exec(`DELETE FROM repository WHERE id=?`, r.id)
		tx.Exec(`INSERT INTO purge(repo,name) VALUES(?,?)`, r.id, repo)
		ch.feed.remove(RepositoryLive, r.born, lists...)
		ch.feed.insert(RepositoryGone, pos, r.id, 0, lists...)
		ch.w.Append(tx, ch.rows)
		ch.feed.flush()
		tx.AfterCommit(c.links.forgetAll)
		return nil
	})
	if uncertain(err) {
		c.links.forgetAll()
	}
	return err
}

// remove runs fn on a living repository in a transaction.
func (c *Catalog) remove(ctx context.Context, repo, actor string, fn func(tx *sqldb.Tx, r *repositoryRow, lists []int64, actor int64) error) error {
	lists, err := c.lists(ctx, repo)
	if err != nil {
		return err
	}
	who, err := c.word(ctx, actor)
	if err != nil {
		return err
	}
	return c.db.Update(ctx, c.Shard(repo), func(tx *sqldb.Tx) error {
		r, err := loadRepository(tx, repo)
		if err != nil {
			return err
		}
		if r == nil || r.born == 0 {
			return lading.ErrNameUnknown
		}
		return fn(tx, r, lists, who)
	})
}

func (c *Catalog) check(tx *sqldb.Tx, ch Change) error {
	for _, rule := range c.rules {
		if err := rule(tx, ch); err != nil {
			return err
		}
	}
	return nil
}
