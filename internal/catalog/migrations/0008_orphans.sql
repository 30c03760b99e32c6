-- Manifests that were never tagged go after a while when the index that lists
-- them, or their subject, is deleted, and nothing else refers to them.

-- kept is 1 once a manifest has had a tag: it stays until somebody deletes it.
-- Before that it is 0, or where it was put again while it was about to go:
-- deletions from before that do not count. What is there already counts as
-- tagged.
ALTER TABLE manifest ADD COLUMN kept BIGINT NOT NULL DEFAULT 1;

-- How many of a manifest's references are remote.
ALTER TABLE manifest ADD COLUMN remote BIGINT NOT NULL DEFAULT 0;

-- What there is to look at: of kind 1 a child of an index that was deleted at
-- the position at, of kind 2 a manifest that was deleted then and has
-- referrers; those up to the digest after have been looked at.
CREATE TABLE orphan(
  repo BIGINT NOT NULL, kind BIGINT NOT NULL, digest BYTES NOT NULL,
  shard BIGINT NOT NULL, at BIGINT NOT NULL, after BYTES,
  PRIMARY KEY(repo, kind, digest)
) WITHOUT ROWID;
CREATE INDEX orphan_at ON orphan(shard, at);
