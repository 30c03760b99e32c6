package catalog

import (
	"slices"

	"github.com/lading-dev/lading/internal/sqldb"
)

// A sparse manifest refers to blobs that are not in its repository. They are
// recorded by digest; when one of them is linked later, the record becomes the
// same as that of a blob that was there in time. So whoever asks who uses a
// blob (UnlinkBlob, the collection of garbage) need not know of sparse
// manifests at all.

// createMissing records the blobs that are not there.
func (p *put) createMissing(ch *change, manifest int64) {
	for ds := range slices.Chunk(unique(p.missingBlobs), inStep) {
		args := make([]any, 0, 3*len(ds))
		for _, d := range ds {
			args = append(args, ch.repo.id, EncodeDigest(d), manifest)
		}
		ch.tx.Exec(`INSERT INTO manifest_missing(repo,digest,manifest) VALUES`+sqldb.Values(len(ds), 3), args...)
	}
}

// foundMissing records that the manifests of a repository that waited for a
// blob use it: it has just been linked there.
func foundMissing(tx *sqldb.Tx, repo, blob int64, digest []byte) {
	tx.Exec(`INSERT INTO manifest_blob(repo,blob,manifest) SELECT repo,CAST(? AS BIGINT),manifest FROM manifest_missing WHERE repo=? AND digest=?`, blob, repo, digest)
	tx.Exec(`DELETE FROM manifest_missing WHERE repo=? AND digest=?`, repo, digest)
}

// forgetMissing removes what was recorded for a manifest that is deleted.
func forgetMissing(tx *sqldb.Tx, manifest int64) {
	tx.Exec(`DELETE FROM manifest_missing WHERE manifest=?`, manifest)
}
