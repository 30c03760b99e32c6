-- Keys that sign the registry's tokens: made and replaced are Unix
-- microseconds; replaced is 0 for the one in use. secret is an Ed25519 seed.
CREATE TABLE token_key(id TEXTC NOT NULL PRIMARY KEY, made BIGINT NOT NULL, replaced BIGINT NOT NULL, secret BYTES NOT NULL);

-- Refresh tokens, by the SHA-256 of their text: whom they are for (groups and
-- bound as JSON, empty for none), with which credential they were got, and
-- from when until when they are good (Unix microseconds).
CREATE TABLE refresh_token(hash BYTES NOT NULL PRIMARY KEY, subject TEXTC NOT NULL, groups_json TEXTC NOT NULL, credential TEXTC NOT NULL, bound TEXTC NOT NULL, client TEXTC NOT NULL, made BIGINT NOT NULL, expires BIGINT NOT NULL);
CREATE INDEX refresh_token_subject ON refresh_token(subject, hash);
CREATE INDEX refresh_token_expires ON refresh_token(expires);
