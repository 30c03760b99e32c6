package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/arttype"
	"github.com/lading-dev/lading/internal/sqldb"
)

// GetManifest returns a manifest by tag or digest, with one statement.
//
// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN.
func (c *Catalog) GetManifest(ctx context.Context, repo string, ref lading.Reference) (lading.Manifest, error) {
	var m lading.Manifest
	var enc []byte
	var mediaType int64
	q := c.db.Read()
	var row sqldb.Row
	if ref.Digest != "" {
		row = q.QueryRow(ctx, `SELECT m.digest,m.media_type,c.bytes FROM repository r JOIN manifest m ON m.repo=r.id AND m.digest=? JOIN content c ON c.manifest=m.id WHERE r.name=?`,
			EncodeDigest(ref.Digest), repo)
	} else {
		row = q.QueryRow(ctx, `SELECT m.digest,m.media_type,c.bytes FROM repository r JOIN tag t ON t.repo=r.id AND t.name=? JOIN manifest m ON m.id=t.manifest JOIN content c ON c.manifest=m.id WHERE r.name=?`,
			ref.Tag, repo)
	}
	err := row.Scan(&enc, &mediaType, &m.Bytes)
	if err != nil {
		return m, c.manifestUnknown(ctx, q, repo, err)
	}
	if m.Digest = ref.Digest; m.Digest == "" {
		if m.Digest, err = DecodeDigest(enc); err != nil {
			return m, err
		}
	}
	m.MediaType, err = c.Word(ctx, q, mediaType)
	return m, err
}

// StatManifest returns a manifest's media type, digest and size.
//
// Errors: NAME_UNKNOWN, MANIFEST_UNKNOWN.
func (c *Catalog) StatManifest(ctx context.Context, repo string, ref lading.Reference) (lading.Descriptor, error) {
	var d lading.Descriptor
	var enc []byte
	var mediaType int64
	q := c.db.Read()
	var row sqldb.Row
	if ref.Digest != "" {
		row = q.QueryRow(ctx, `SELECT m.digest,m.media_type,m.size FROM repository r JOIN manifest m ON m.repo=r.id AND m.digest=? WHERE r.name=?`, EncodeDigest(ref.Digest), repo)
	} else {
		row = q.QueryRow(ctx, `SELECT m.digest,m.media_type,m.size FROM repository r JOIN tag t ON t.repo=r.id AND t.name=? JOIN manifest m ON m.id=t.manifest WHERE r.name=?`, ref.Tag, repo)
	}
	err := row.Scan(&enc, &mediaType, &d.Size)
	if err != nil {
		return d, c.manifestUnknown(ctx, q, repo, err)
	}
	if d.Digest, err = DecodeDigest(enc); err != nil {
		return d, err
	}
	d.MediaType, err = c.Word(ctx, q, mediaType)
	return d, err
}

func (c *Catalog) manifestUnknown(ctx context.Context, q sqldb.Querier, repo string, err error) error {
	if !errors.Is(err, sqldb.ErrNoRows) {
		return fmt.Errorf("catalog: manifest: %w", err)
	}
	return c.whichUnknown(ctx, q, repo, lading.ErrManifestUnknown)
}

// TagNames returns up to n tags of a living repository after last.
//
// Errors: NAME_UNKNOWN.
func (c *Catalog) TagNames(ctx context.Context, repo, last string, n int) (lading.Names, error) {
	q := c.db.Read()
	out, err := names(ctx, q, n, `SELECT t.name FROM tag t WHERE t.repo=(SELECT id FROM repository WHERE name=? AND born>0) AND t.name>? ORDER BY t.name LIMIT ?`, repo, bound(last), n+1)
	if err != nil || len(out.Names) > 0 {
		return out, err
	}
	var one int64
	err = q.QueryRow(ctx, `SELECT 1 FROM repository WHERE name=? AND born>0`, repo).Scan(&one)
	if errors.Is(err, sqldb.ErrNoRows) {
		return out, lading.ErrNameUnknown
	}
	return out, err
}

// RepositoryNames returns up to n living repositories in a range of names.
func (c *Catalog) RepositoryNames(ctx context.Context, r lading.Range, n int) (lading.Names, error) {
	if r.To == "" {
		return names(ctx, c.db.Read(), n, `SELECT name FROM repository WHERE born>0 AND name>=? ORDER BY name LIMIT ?`, bound(r.From), n+1)
	}
	return names(ctx, c.db.Read(), n, `SELECT name FROM repository WHERE born>0 AND name>=? AND name<? ORDER BY name LIMIT ?`, bound(r.From), bound(r.To), n+1)
}

func names(ctx context.Context, q sqldb.Querier, n int, sql string, args ...any) (lading.Names, error) {
	out := lading.Names{Names: make([]string, 0, min(n, 128))}
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return out, fmt.Errorf("catalog: names: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if len(out.Names) == n {
			out.More = true
			break
		}
		var s string
		if err := rows.Scan(&s); err != nil {
			return out, fmt.Errorf("catalog: names: %w", err)
		}
		out.Names = append(out.Names, s)
	}
	return out, rows.Err()
}

// Referrers returns up to rq.N descriptors of the manifests of a repository
// that refer to a subject, in the order of their digests, with all their
// annotations.
func (c *Catalog) Referrers(ctx context.Context, repo string, rq lading.ReferrersQuery) (lading.Referrers, error) {
	out := lading.Referrers{Manifests: []lading.Descriptor{}}
	err := c.db.View(ctx, func(q sqldb.Querier) (err error) {
		var types []int64
		if rq.ArtifactType != "" {
			if types, err = c.TypesOf(ctx, q, rq.ArtifactType, arttype.MaxTypes); err != nil || len(types) == 0 {
				return err
			}
		}
		sql := `SELECT m.id,m.digest,m.media_type,m.type,m.size,m.annotations,m.platform FROM manifest m WHERE m.subject=? AND m.repo=(SELECT id FROM repository WHERE name=?) AND m.digest>?`
		args := []any{EncodeDigest(rq.Subject), repo, afterDigest(rq.After)}
		if len(types) > 0 {
			sql += ` AND m.type IN ` + sqldb.In(inSize(len(types)))
			args = inArgs(args, types)
		}
		rows, err := q.Query(ctx, sql+` ORDER BY m.digest LIMIT ?`, append(args, rq.N+1)...)
		if err != nil {
			return fmt.Errorf("catalog: referrers: %w", err)
		}
		type row struct {
			descriptorRow
			id int64
		}
		var raw []row
		for rows.Next() {
			var d row
			if err := rows.Scan(&d.id, &d.digest, &d.mediaType, &d.typ, &d.size, &d.annotations, &d.platform); err != nil {
				rows.Close()
				return fmt.Errorf("catalog: referrers: %w", err)
			}
			raw = append(raw, d)
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
		if len(raw) > rq.N {
			raw, out.More = raw[:rq.N], true
		}
		for _, d := range raw {
			desc, err := c.descriptor(ctx, q, d.descriptorRow)
			if err != nil {
				return err
			}
			if desc.AnnotationsTruncated {
				if desc.Annotations, err = c.annotations(ctx, q, d.id); err != nil {
					return err
				}
			}
			desc.Platform = nil
			out.Manifests = append(out.Manifests, desc.Descriptor)
		}
		return nil
	})
	return out, err
}

// annotations returns all annotations of a manifest, out of its content: a
// listing keeps lading.MaxAnnotations of them, referrers show them in full
// (distribution-spec, "Listing Referrers").
func (c *Catalog) annotations(ctx context.Context, q sqldb.Querier, id int64) (map[string]string, error) {
	var raw []byte
	if err := q.QueryRow(ctx, `SELECT bytes FROM content WHERE manifest=?`, id).Scan(&raw); err != nil {
		return nil, fmt.Errorf("catalog: annotations: %w", err)
	}
	var doc struct {
		Annotations map[string]string `json:"annotations"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("catalog: annotations: %w", err)
	}
	return doc.Annotations, nil
}

func afterDigest(d digest.Digest) []byte {
	if d == "" {
		return []byte{}
	}
	return EncodeDigest(d)
}
