package catalog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/sqldb"
)

// empties are blobs that say nothing: {} (image-spec, manifest.md, "Guidance
// for an Empty Descriptor") and no bytes at all. A manifest may refer to them
// without their having been pushed.
var empties = map[digest.Digest][]byte{
	digest.FromString("{}"): []byte("{}"),
	digest.FromString(""):   {},
}

// EmptyBlob returns the content of a blob that says nothing, and whether it is
// one of these.
func EmptyBlob(d digest.Digest) (content []byte, ok bool) {
	content, ok = empties[d]
	return slices.Clone(content), ok
}

// emptyBlob is one that a manifest refers to and that is not yet linked in its
// repository. id is 0 where the shard does not have it.
type emptyBlob struct {
	digest digest.Digest
	id     int64
}

// readEmpties finds those of the empty blobs that have to be linked, and
// counts them among the found.
func (p *put) readEmpties(tx *sqldb.Tx, found map[string]bool) error {
	p.empties = nil
	for _, ds := range [][]digest.Digest{p.m.Blobs, p.m.MaybeBlobs} {
		for _, d := range ds {
			enc := string(EncodeDigest(d))
			if _, empty := empties[d]; !empty || found[enc] {
				continue
			}
			found[enc] = true
			e := emptyBlob{digest: d}
			err := tx.QueryRow(tx.Context(), `SELECT id FROM blob WHERE digest=? AND shard=?`, []byte(enc), tx.Shard()).Scan(&e.id)
			if err != nil && !errors.Is(err, sqldb.ErrNoRows) {
				return fmt.Errorf("catalog: put %s: %w", p.name, err)
			}
			p.empties = append(p.empties, e)
		}
	}
	return nil
}

// linkEmpties links them, as LinkBlob does, and adds them to the manifest's.
func (p *put) linkEmpties(ch *change) {
	for _, e := range p.empties {
		raw, enc := empties[e.digest], EncodeDigest(e.digest)
		if e.id == 0 {
			e.id = ch.w.NewID()
			ch.tx.Exec(`INSERT INTO blob(id,digest,shard,size) VALUES(?,?,?,?)`, e.id, enc, ch.tx.Shard(), int64(len(raw)))
		}
		ch.tx.Exec(`INSERT INTO blob_content(blob,bytes) VALUES(?,?) ON CONFLICT(blob) DO NOTHING`, e.id, raw)
		ch.tx.Exec(`INSERT INTO repository_blob(repo,blob) VALUES(?,?)`, ch.repo.id, e.id)
		foundMissing(ch.tx, ch.repo.id, e.id, enc)
		p.blobs = append(p.blobs, e.id)
	}
}
