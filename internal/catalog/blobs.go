package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/audit"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// MaxSmallBlob is the size in bytes up to which a blob is kept in the catalog
// rather than in the blob store.
const MaxSmallBlob = 16 << 10

// Blob is a blob as the catalog knows it.
type Blob struct {
	Digest digest.Digest
	Size   int64
	// Bytes are the content of a blob that is kept in the catalog; nil says
	// that the blob store has it.
	Bytes []byte
}

// LinkBlob makes a blob pullable from a repository. Without Bytes its content
// must be durable in the blob store already. The repository comes to be,
// invisibly, if it is not there.
func (c *Catalog) LinkBlob(ctx context.Context, repo string, b Blob) error {
	enc := EncodeDigest(b.Digest)
	return c.db.Update(ctx, c.Shard(repo), func(tx *sqldb.Tx) error {
		var repoID, blobID, linked, waiting int64
		err := tx.Batch(
			sqldb.Q{SQL: `SELECT id FROM repository WHERE name=?`, Args: []any{repo}, Scan: scanID(&repoID)},
			sqldb.Q{SQL: `SELECT id FROM blob WHERE digest=? AND shard=?`, Args: []any{enc, tx.Shard()}, Scan: scanID(&blobID)},
			sqldb.Q{SQL: `SELECT l.blob FROM repository r JOIN blob b ON b.digest=? AND b.shard=? JOIN repository_blob l ON l.repo=r.id AND l.blob=b.id WHERE r.name=?`,
				Args: []any{enc, tx.Shard(), repo}, Scan: scanID(&linked)},
			sqldb.Q{SQL: `SELECT manifest FROM manifest_missing WHERE repo=` + ownID + ` AND digest=? LIMIT 1`, Args: []any{repo, enc}, Scan: scanID(&waiting)},
		)
		if err != nil || linked != 0 {
			return err
		}
		w := journal.From(tx)
		if repoID == 0 {
			repoID = w.NewID()
			tx.Exec(`INSERT INTO repository(id,name,incarnation,rev,born,mod,previous,tags,manifests,size) VALUES(?,?,NULL,0,0,0,0,0,0,0)`, repoID, repo)
		}
		if blobID == 0 {
			blobID = w.NewID()
			tx.Exec(`INSERT INTO blob(id,digest,shard,size) VALUES(?,?,?,?)`, blobID, enc, tx.Shard(), b.Size)
		}
		if b.Bytes != nil {
			// Written whether or not it is there: how long a push takes tells
			// nothing of what other repositories hold.
			tx.Exec(`INSERT INTO blob_content(blob,bytes) VALUES(?,?) ON CONFLICT(blob) DO UPDATE SET bytes=excluded.bytes`, blobID, b.Bytes)
		}
		tx.Exec(`INSERT INTO repository_blob(repo,blob) VALUES(?,?)`, repoID, blobID)
		if waiting != 0 {
			foundMissing(tx, repoID, blobID, enc)
		}
		return nil
	})
}

func scanID(id *int64) func(sqldb.Rows) error {
	*id = 0
	return func(rows sqldb.Rows) error {
		*id = 0
		for rows.Next() {
			if err := rows.Scan(id); err != nil {
				return err
			}
		}
		return rows.Err()
	}
}

// GetBlob returns a blob that is linked in the repository, which may be
// unborn, with its content where the catalog has it.
//
// Errors: NAME_UNKNOWN, BLOB_UNKNOWN.
func (c *Catalog) GetBlob(ctx context.Context, repo string, d digest.Digest) (Blob, error) {
	b, ok, changes := c.links.get(repo, d)
	if ok {
		return b, nil
	}
	b = Blob{Digest: d}
	q := c.db.Read()
	err := q.QueryRow(ctx, `SELECT b.size,c.bytes FROM repository r JOIN blob b ON b.digest=? AND b.shard=? JOIN repository_blob l ON l.repo=r.id AND l.blob=b.id LEFT JOIN blob_content c ON c.blob=b.id WHERE r.name=?`,
		EncodeDigest(d), c.Shard(repo), repo).Scan(&b.Size, &b.Bytes)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Blob{}, c.whichUnknown(ctx, q, repo, lading.ErrBlobUnknown)
	}
	if err != nil {
		return Blob{}, fmt.Errorf("catalog: blob: %w", err)
	}
	c.links.put(repo, b, changes)
	return b, nil
}

// BlobSize is GetBlob for those who want the size only.
func (c *Catalog) BlobSize(ctx context.Context, repo string, d digest.Digest) (int64, error) {
	if c.links != nil {
		b, err := c.GetBlob(ctx, repo, d)
		return b.Size, err
	}
	var size int64
	q := c.db.Read()
	err := q.QueryRow(ctx, `SELECT b.size FROM repository r JOIN blob b ON b.digest=? AND b.shard=? JOIN repository_blob l ON l.repo=r.id AND l.blob=b.id WHERE r.name=?`,
		EncodeDigest(d), c.Shard(repo), repo).Scan(&size)
	if errors.Is(err, sqldb.ErrNoRows) {
		return 0, c.whichUnknown(ctx, q, repo, lading.ErrBlobUnknown)
	}
	if err != nil {
		return 0, fmt.Errorf("catalog: blob: %w", err)
	}
	return size, nil
}

// whichUnknown returns other if the repository is there, even unborn, and
// NAME_UNKNOWN otherwise.
func (c *Catalog) whichUnknown(ctx context.Context, q sqldb.Querier, repo string, other error) error {
	var one int64
	err := q.QueryRow(ctx, `SELECT 1 FROM repository WHERE name=?`, repo).Scan(&one)
	if errors.Is(err, sqldb.ErrNoRows) {
		return lading.ErrNameUnknown
	}
	if err != nil {
		return fmt.Errorf("catalog: repository: %w", err)
	}
	return other
}

// uncertain tells errors after which a change may have been made all the same.
func uncertain(err error) bool {
	var refused *lading.Error
	return err != nil && !errors.As(err, &refused)
}

// UnlinkBlob makes a blob no longer pullable from the repository.
//
// Errors: NAME_UNKNOWN, BLOB_UNKNOWN, CONFLICT when a manifest of the
// repository uses it.
func (c *Catalog) UnlinkBlob(ctx context.Context, repo string, d digest.Digest) error {
	err := c.db.Update(ctx, c.Shard(repo), func(tx *sqldb.Tx) error {
		r, err := loadRepository(tx, repo)
		if err != nil {
			return err
		}
		if r == nil {
			return lading.ErrNameUnknown
		}
		var blob int64
		err = tx.QueryRow(tx.Context(), `SELECT b.id FROM blob b JOIN repository_blob l ON l.repo=? AND l.blob=b.id WHERE b.digest=? AND b.shard=?`,
			r.id, EncodeDigest(d), tx.Shard()).Scan(&blob)
		if errors.Is(err, sqldb.ErrNoRows) {
			return lading.ErrBlobUnknown
		}
		if err != nil {
			return fmt.Errorf("catalog: unlink blob: %w", err)
		}
		users, err := digests(tx, `SELECT m.digest FROM manifest_blob u JOIN manifest m ON m.id=u.manifest WHERE u.repo=? AND u.blob=? LIMIT 10`, r.id, blob)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return lading.ErrConflict.With("the manifest %s uses the blob: delete that first", users[0]).WithDetail(ParentsDetail{users})
		}
		tx.Exec(`DELETE FROM repository_blob WHERE repo=? AND blob=?`, r.id, blob)
		audit.AppendAt(tx, c.now(), lading.AuditRecord{Action: "blob_delete", Repository: repo, Digest: d})
		tx.AfterCommit(func() { c.links.forget(repo, d) })
		return nil
	})
	if uncertain(err) {
		c.links.forget(repo, d)
	}
	return err
}
