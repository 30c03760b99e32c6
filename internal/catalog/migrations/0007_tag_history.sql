-- What a manifest was when a tag left it, so that the tag's history can tell of
-- manifests that are gone. Empty where the manifest went before this column
-- was made.
ALTER TABLE tag_past ADD COLUMN media_type BIGINT;
ALTER TABLE tag_past ADD COLUMN size BIGINT;
UPDATE tag_past SET
  media_type=(SELECT MAX(m.media_type) FROM manifest m WHERE m.repo=tag_past.repo AND m.digest=tag_past.digest),
  size=(SELECT MAX(m.size) FROM manifest m WHERE m.repo=tag_past.repo AND m.digest=tag_past.digest);
