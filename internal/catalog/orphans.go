package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Orphans are the children of a deleted index and the referrers of a deleted
// subject. Those that were never tagged, and that nothing else refers to, go
// some time later; nothing but a deletion above them begins that. The deletion
// records each child, as nothing will tell of them any more, and the subject
// once, whose referrers are found by the index of subjects however many they
// are. Whether something has come in between is asked when their time has come,
// in the transaction that removes them: under the lock of the shard's head, so
// that an index which is pushed meanwhile is there, or finds that its child is
// not.

// The kinds of rows of the table.
const (
	orphanChild   = 1
	orphanSubject = 2
)

// Bounds of one transaction that removes orphans.
const (
	orphanStep  = 16      // manifests that are looked at
	orphanBytes = 1 << 20 // of manifests that are removed, but for the first
	// orphanHolders are the referrers of a manifest that are asked whether they
	// hold it. One that has more stays.
	orphanHolders = 1000
)

// untaggedBefore holds of manifests that were pushed, and put again, before a
// position (twice), and never had a tag.
const untaggedBefore = `kept<>1 AND kept<? AND born<?`

// orphaned tells whether a manifest is about to go: putting it again saves it.
const orphaned = `CASE WHEN kept=1 THEN 0
	WHEN EXISTS(SELECT 1 FROM orphan o WHERE o.repo=manifest.repo AND o.kind=1 AND o.digest=manifest.digest) THEN 1
	WHEN EXISTS(SELECT 1 FROM orphan o WHERE o.repo=manifest.repo AND o.kind=2 AND o.digest=manifest.subject) THEN 1 ELSE 0 END`

// recordOrphans records what a manifest that is deleted at pos leaves behind.
// It comes before what the manifest refers to is forgotten.
func (ch *change) recordOrphans(m *manifestRow, children [][]byte, pos int64) {
	const again = ` ON CONFLICT(repo,kind,digest) DO UPDATE SET at=excluded.at,after=NULL`
	ch.tx.Exec(`DELETE FROM orphan WHERE repo=? AND kind=1 AND digest=?`, ch.repo.id, m.digest)
	for some := range slices.Chunk(children, inStep) {
		ch.tx.Exec(`INSERT INTO orphan(repo,kind,digest,shard,at) SELECT k.repo,1,k.digest,CAST(? AS BIGINT),CAST(? AS BIGINT) FROM manifest_child c JOIN manifest k ON k.repo=c.repo AND k.digest=c.child
			WHERE c.repo=? AND c.manifest=? AND k.kept<>1 AND c.child IN `+sqldb.In(inSize(len(some)))+again, inArgs([]any{ch.tx.Shard(), pos, ch.repo.id, m.id}, some)...)
	}
	ch.tx.Exec(`INSERT INTO orphan(repo,kind,digest,shard,at) SELECT repo,2,subject,CAST(? AS BIGINT),CAST(? AS BIGINT) FROM (SELECT repo,subject FROM manifest WHERE subject=? AND repo=? LIMIT 1) x WHERE 1=1`+again,
		ch.tx.Shard(), pos, m.digest, ch.repo.id)
}

// SweepOrphans removes, in one step, what has been an orphan since the position
// upTo or longer. It returns how many manifests went, and false when there is
// nothing left to look at.
func (c *Catalog) SweepOrphans(ctx context.Context, shard int, upTo int64) (removed int, more bool, err error) {
	repo, err := first(c.db.Read().Query(ctx, `SELECT r.name FROM orphan o JOIN repository r ON r.id=o.repo WHERE o.shard=? AND o.at<=? ORDER BY o.at LIMIT 1`, shard, upTo))
	if err != nil || repo == "" {
		return 0, false, err
	}
	lists, err := c.lists(ctx, repo)
	if err != nil {
		return 0, false, err
	}
	err = c.db.Update(ctx, shard, func(tx *sqldb.Tx) error {
		s := &orphanSweep{c: c, tx: tx, upTo: upTo}
		r, err := loadRepository(tx, repo)
		if err == nil && r != nil && r.born > 0 {
			s.repo = r
			err = s.step(lists)
		}
		removed = len(s.drops)
		return err
	})
	return removed, err == nil, err
}

// orphanRow is a row of the table.
type orphanRow struct {
	kind          int64
	digest, after []byte
	at            int64
	looked        []*orphanManifest // those of this step
	done          bool              // it can be forgotten
}

// orphanManifest is a manifest that may go.
type orphanManifest struct {
	manifestRow
	at       int64 // where what it belonged to was deleted
	held     bool
	blobs    []int64
	children [][]byte
}

// orphanSweep is one step, of one repository.
type orphanSweep struct {
	c     *Catalog
	tx    *sqldb.Tx
	repo  *repositoryRow
	upTo  int64
	rows  []*orphanRow
	drops []*orphanManifest
}

func (s *orphanSweep) step(lists []int64) error {
	for _, part := range []func() error{s.due, s.find, s.hold, s.choose} {
		if err := part(); err != nil {
			return fmt.Errorf("catalog: orphans: %w", err)
		}
	}
	// What is dropped may make orphans of those that are forgotten here.
	for _, row := range s.rows {
		if row.done {
			s.tx.Exec(`DELETE FROM orphan WHERE repo=? AND kind=? AND digest=?`, s.repo.id, row.kind, row.digest)
		} else if n := len(row.looked); n > 0 {
			s.tx.Exec(`UPDATE orphan SET after=? WHERE repo=? AND kind=? AND digest=?`, row.looked[n-1].digest, s.repo.id, row.kind, row.digest)
		}
	}
	if len(s.drops) == 0 {
		return nil
	}
	ch := s.c.newChange(s.tx, s.repo, lists, 0)
	for _, m := range s.drops {
		ch.dropManifest(&m.manifestRow, m.blobs, m.children)
		ch.audit(lading.AuditRecord{Action: "orphan_delete", Actor: lading.AuditSystem, Digest: named(&m.manifestRow), Size: m.size})
	}
	ch.finish()
	return nil
}

// due reads the first rows whose time has come, as far as they are of this
// repository.
func (s *orphanSweep) due() error {
	type dueRow struct {
		orphanRow
		repo int64
	}
	found, err := gather(s.tx, func(r sqldb.Rows, v *dueRow) error { return r.Scan(&v.repo, &v.kind, &v.digest, &v.at, &v.after) },
		`SELECT o.repo,o.kind,o.digest,o.at,o.after FROM orphan o JOIN repository r ON r.id=o.repo WHERE o.shard=? AND o.at<=? ORDER BY o.at LIMIT ?`, s.tx.Shard(), s.upTo, orphanStep)
	for _, v := range found {
		if v.repo != s.repo.id {
			break
		}
		s.rows = append(s.rows, &v.orphanRow)
	}
	return err
}

// find reads the manifests that the rows are about: a child, or the next
// referrers of a subject that has not come back.
func (s *orphanSweep) find() error {
	const manifests = `SELECT id,type,size,digest,tagged,born,mod FROM manifest m WHERE repo=? AND `
	qs := make([]sqldb.Q, 0, len(s.rows))
	for _, row := range s.rows {
		row.done = true
		scan := func(rows sqldb.Rows) error { return s.scan(rows, row) }
		if row.kind == orphanChild {
			qs = append(qs, sqldb.Q{SQL: manifests + `digest=?`, Args: []any{s.repo.id, row.digest}, Scan: scan})
			continue
		}
		qs = append(qs, sqldb.Q{SQL: manifests + `subject=? AND digest>? AND NOT EXISTS(SELECT 1 FROM manifest x WHERE x.repo=m.repo AND x.digest=m.subject) ORDER BY digest LIMIT ?`,
			Args: []any{s.repo.id, row.digest, append([]byte{}, row.after...), orphanStep}, Scan: scan})
	}
	return s.tx.Batch(qs...)
}

func (s *orphanSweep) scan(rows sqldb.Rows, row *orphanRow) error {
	for rows.Next() {
		m := &orphanManifest{at: row.at}
		if err := rows.Scan(&m.id, &m.typ, &m.size, &m.digest, &m.tagged, &m.born, &m.mod); err != nil {
			return err
		}
		m.wasTagged = m.tagged
		row.looked = append(row.looked, m)
	}
	row.done = row.kind == orphanChild || len(row.looked) < orphanStep
	return rows.Err()
}

// hold finds which of the manifests stay: what has had a tag or came later than
// the deletion, what an index lists, and what is the subject of a manifest that
// stays because of a tag, of an index, or because it came later.
func (s *orphanSweep) hold() error {
	const listed = `EXISTS(SELECT 1 FROM manifest_child c JOIN manifest p ON p.id=c.manifest WHERE c.repo=x.repo AND c.child=x.digest)`
	var qs []sqldb.Q
	for n, row := 0, 0; row < len(s.rows); row++ {
		r := s.rows[row]
		if n += len(r.looked); n > orphanStep && row > 0 { // a step is full
			s.rows = s.rows[:row]
			break
		}
		for _, m := range r.looked {
			var young, refer, hold int64
			qs = append(qs, sqldb.Q{SQL: `SELECT CASE WHEN ` + untaggedBefore + ` AND NOT ` + listed + ` THEN 0 ELSE 1 END FROM manifest x WHERE id=?`,
				Args: []any{m.at, m.at, m.id}, Scan: scanID(&young)},
				sqldb.Q{SQL: `SELECT COUNT(*),COALESCE(SUM(CASE WHEN ` + untaggedBefore + ` AND NOT ` + listed + ` THEN 0 ELSE 1 END),0) FROM (SELECT repo,digest,kept,born FROM manifest WHERE subject=? AND repo=? LIMIT ?) x`,
					Args: []any{m.at, m.at, m.digest, s.repo.id, orphanHolders + 1}, Scan: func(rows sqldb.Rows) error {
						for rows.Next() {
							if err := rows.Scan(&refer, &hold); err != nil {
								return err
							}
						}
						m.held = young > 0 || hold > 0 || refer > orphanHolders
						return rows.Err()
					}})
		}
	}
	return s.tx.Batch(qs...)
}

// choose reads what the manifests that go refer to, of as many as a step may
// have; the others are looked at again.
func (s *orphanSweep) choose() error {
	seen, bytes := map[int64]bool{}, int64(0)
	for _, row := range s.rows {
		for i, m := range row.looked {
			if m.held || seen[m.id] {
				continue
			}
			if bytes += m.size; bytes > orphanBytes && len(s.drops) > 0 {
				row.looked, row.done = row.looked[:i], false
				break
			}
			if err := s.allowed(m); errors.As(err, new(*lading.Error)) {
				continue
			} else if err != nil {
				return err
			}
			var err error
			if m.blobs, m.children, err = s.c.references(s.tx, s.repo, &m.manifestRow); err != nil {
				return err
			}
			seen[m.id] = true
			s.drops = append(s.drops, m)
		}
	}
	return nil
}

// allowed asks the rules, which may keep a manifest.
func (s *orphanSweep) allowed(m *orphanManifest) error {
	d, err := DecodeDigest(m.digest)
	if err != nil {
		return err
	}
	return s.c.check(s.tx, Change{Repository: s.repo.name, Manifest: &Manifest{Digest: d}, Delete: true})
}

// saveOrphan keeps a manifest that was put again from going with what was
// deleted before.
func saveOrphan(tx *sqldb.Tx, m *manifestRow) {
	tx.Exec(`UPDATE manifest SET kept=? WHERE id=?`, journal.From(tx).Pos(), m.id)
}
