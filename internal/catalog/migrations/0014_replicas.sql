-- Whose turn it is to do what one replica is enough for: holder names a
-- process, until is when its turn ends (Unix microseconds).
CREATE TABLE turn(name TEXTC NOT NULL PRIMARY KEY, holder TEXTC NOT NULL, until BIGINT NOT NULL);

-- What replicas have of ACME together: the key of the account, certificates
-- with their keys, and those that answer challenges. changed is Unix
-- microseconds.
CREATE TABLE acme(name TEXTC NOT NULL PRIMARY KEY, content BYTES NOT NULL, changed BIGINT NOT NULL);

-- Records that are still to be written to the file of records.
CREATE TABLE audit_outbox(pos BIGINT NOT NULL, source BIGINT NOT NULL, PRIMARY KEY(pos, source)) WITHOUT ROWID;
