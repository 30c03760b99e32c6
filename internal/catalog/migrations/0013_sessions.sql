-- What is shown of a refresh token: from which address it was got, and when it
-- was last used (Unix microseconds, 0 is never).
ALTER TABLE refresh_token ADD COLUMN address TEXTC NOT NULL DEFAULT '';
ALTER TABLE refresh_token ADD COLUMN used BIGINT NOT NULL DEFAULT 0;

-- Refresh tokens that were ended, by the same hash, and whose they were, until
-- the last access token that was got with one has expired (Unix microseconds).
CREATE TABLE ended_session(hash BYTES NOT NULL PRIMARY KEY, subject TEXTC NOT NULL, until BIGINT NOT NULL);
CREATE INDEX ended_session_subject ON ended_session(subject);
