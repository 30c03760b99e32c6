-- Blobs that a manifest refers to and that were not in its repository when it
-- was put, where the registry takes such manifests. A blob that is linked
-- later moves from here to manifest_blob, in the transaction of the link.
CREATE TABLE manifest_missing(
  repo BIGINT NOT NULL, digest BYTES NOT NULL, manifest BIGINT NOT NULL,
  PRIMARY KEY(repo, digest, manifest)
) WITHOUT ROWID;
CREATE INDEX manifest_missing_manifest ON manifest_missing(manifest);
