package catalog

import (
	"fmt"
	"slices"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading/internal/sqldb"
)

// ownID stands for the id of the repository with a name, so that all that a
// change reads goes to the database at once.
const ownID = `(SELECT id FROM repository WHERE name=?)`

// read loads all that decides what there is to do, in one round trip, and
// returns what must be there and is not.
func (p *put) read(tx *sqldb.Tx) ([]digest.Digest, error) {
	p.repo, p.target, p.orphaned, p.current, p.graves, p.blobs, p.typed = nil, nil, false, map[string]*tagRow{}, nil, nil, p.generation
	blobs, children, typed := map[string]bool{}, map[string]bool{}, int64(0)
	qs := []sqldb.Q{{SQL: selectRepository, Args: []any{p.name}, Scan: p.scanRepository}}
	own, id, buried := ownID, any(p.name), true
	if tx.Dialect() == sqldb.SQLite { // no round trip to save: the id is read first, and what most do not have
		if err := tx.Batch(qs...); err != nil {
			return nil, fmt.Errorf("catalog: put %s: %w", p.name, err)
		}
		qs, own, id = qs[:0], "?", p.repo.idOr0()
		if err := tx.QueryRow(tx.Context(), `SELECT (SELECT generation FROM typing WHERE id=0),EXISTS(SELECT 1 FROM tombstone WHERE repo=?)`, id).Scan(&typed, &buried); err != nil {
			return nil, fmt.Errorf("catalog: put %s: %w", p.name, err)
		}
	}
	qs = append(qs, sqldb.Q{SQL: `SELECT id,type,size,digest,tagged,born,mod,` + orphaned + ` FROM manifest WHERE repo=` + own + ` AND digest=?`, Args: []any{id, p.digest}, Scan: p.scanTarget})
	var names []string
	if buried {
		names = append([]string{tombstoneName(p.m.Digest)}, p.tags...)
	}
	for names := range slices.Chunk(names, inStep) {
		qs = append(qs, sqldb.Q{SQL: `SELECT id,mod,kind,name FROM tombstone WHERE repo=` + own + ` AND kind IN (5,6) AND name IN ` + sqldb.In(inSize(len(names))),
			Args: inArgs([]any{id}, names), Scan: p.scanGraves})
	}
	for tags := range slices.Chunk(p.tags, inStep) {
		qs = append(qs, sqldb.Q{SQL: selectTags + ` WHERE t.repo=` + own + ` AND t.name IN ` + sqldb.In(inSize(len(tags))),
			Args: inArgs([]any{id}, tags), Scan: func(rows sqldb.Rows) error { return scanTags(rows, p.current) }})
	}
	for chunk := range slices.Chunk(unique(slices.Concat(p.m.Blobs, p.m.MaybeBlobs)), inStep) {
		qs = append(qs, sqldb.Q{SQL: `SELECT b.digest,b.id FROM blob b JOIN repository_blob r ON r.blob=b.id AND r.repo=` + own + ` WHERE b.shard=? AND b.digest IN ` + sqldb.In(inSize(len(chunk))),
			Args: inArgs([]any{id, tx.Shard()}, chunk), Scan: func(rows sqldb.Rows) error { return p.scanBlobs(rows, blobs) }})
	}
	for chunk := range slices.Chunk(unique(slices.Concat(p.m.Children, p.m.MaybeChildren)), inStep) {
		qs = append(qs, sqldb.Q{SQL: `SELECT digest FROM manifest WHERE repo=` + own + ` AND digest IN ` + sqldb.In(inSize(len(chunk))),
			Args: inArgs([]any{id}, chunk), Scan: func(rows sqldb.Rows) error { return scanDigests(rows, children) }})
	}
	switch {
	case p.generation == 0: // it was not typed
	case typed != 0:
		p.typed = typed
	default:
		qs = append(qs, sqldb.Q{SQL: `SELECT generation FROM typing WHERE id=0`, Scan: scanID(&p.typed)})
	}
	if err := tx.Batch(qs...); err != nil {
		return nil, fmt.Errorf("catalog: put %s: %w", p.name, err)
	}
	if err := p.readEmpties(tx, blobs); err != nil {
		return nil, err
	}
	p.share()
	p.missingBlobs, p.missingChildren = absent(p.m.MaybeBlobs, blobs), absent(p.m.MaybeChildren, children)
	return append(absent(p.m.Blobs, blobs), absent(p.m.Children, children)...), nil
}

// share makes tags that point to one manifest share its row: each change of
// the row counts.
func (p *put) share() {
	rows := map[int64]*manifestRow{}
	if p.target != nil {
		rows[p.target.id] = p.target
	}
	for _, t := range p.current {
		if r := rows[t.to.id]; r != nil {
			t.to = r
		} else {
			rows[t.to.id] = t.to
		}
	}
}

func (p *put) scanRepository(rows sqldb.Rows) error {
	for rows.Next() {
		p.repo = &repositoryRow{name: p.name, stored: true}
		if err := rows.Scan(p.repo.fields()...); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (p *put) scanTarget(rows sqldb.Rows) error {
	for rows.Next() {
		m, going := &manifestRow{}, int64(0)
		if err := rows.Scan(&m.id, &m.typ, &m.size, &m.digest, &m.tagged, &m.born, &m.mod, &going); err != nil {
			return err
		}
		m.wasTagged = m.tagged
		p.target, p.orphaned = m, going != 0
	}
	return rows.Err()
}

func (p *put) scanGraves(rows sqldb.Rows) error {
	for rows.Next() {
		var g grave
		var kind int64
		if err := rows.Scan(&g.id, &g.mod, &kind, &g.name); err != nil {
			return err
		}
		g.kind = FeedKind(kind)
		p.graves = append(p.graves, g)
	}
	return rows.Err()
}

func (p *put) scanBlobs(rows sqldb.Rows, found map[string]bool) error {
	for rows.Next() {
		var d []byte
		var id int64
		if err := rows.Scan(&d, &id); err != nil {
			return err
		}
		found[string(d)] = true
		p.blobs = append(p.blobs, id)
	}
	return rows.Err()
}

func scanDigests(rows sqldb.Rows, found map[string]bool) error {
	for rows.Next() {
		var d []byte
		if err := rows.Scan(&d); err != nil {
			return err
		}
		found[string(d)] = true
	}
	return rows.Err()
}

const selectTags = `SELECT t.id,t.name,t.opened,t.actor,t.born,t.mod,` + tagType + `,m.id,m.type,m.size,m.digest,m.tagged,m.born,m.mod
	FROM tag t JOIN manifest m ON m.id=t.manifest`

func scanTags(rows sqldb.Rows, into map[string]*tagRow) error {
	for rows.Next() {
		t := &tagRow{to: &manifestRow{}}
		if err := rows.Scan(&t.id, &t.name, &t.opened, &t.actor, &t.born, &t.mod, &t.typ,
			&t.to.id, &t.to.typ, &t.to.size, &t.to.digest, &t.to.tagged, &t.to.born, &t.to.mod); err != nil {
			return err
		}
		t.to.wasTagged = t.to.tagged
		into[t.name] = t
	}
	return rows.Err()
}
