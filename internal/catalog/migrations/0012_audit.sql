-- Who did what: a row a record. pos is when it was written (Unix microseconds);
-- source keeps records of the same time apart: the shard of the change, or a
-- greater number at random. place is the repository, or a namespace with a
-- slash at its end, or empty for the registry. refused is 1 for what was not
-- done. body is the record, as JSON.
CREATE TABLE audit(
  pos BIGINT NOT NULL, source BIGINT NOT NULL,
  actor TEXTC NOT NULL, place TEXTC NOT NULL, refused BIGINT NOT NULL, body TEXTC NOT NULL,
  PRIMARY KEY(pos, source)
) WITHOUT ROWID;
CREATE INDEX audit_refused ON audit(pos, source) WHERE refused = 1;

-- Records that are in no list yet: changes are put there some moments later.
CREATE TABLE audit_fresh(pos BIGINT NOT NULL, source BIGINT NOT NULL, PRIMARY KEY(pos, source)) WITHOUT ROWID;

-- The records of a repository; under its name with a slash at its end, of all
-- below a namespace; and, behind an @, of an actor.
CREATE TABLE audit_place(
  place TEXTC NOT NULL, pos BIGINT NOT NULL, source BIGINT NOT NULL,
  PRIMARY KEY(place, pos, source)
) WITHOUT ROWID;
