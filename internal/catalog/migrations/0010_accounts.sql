-- Who can sign in, beside those of the configuration. incarnation is another
-- one for each account of the same name; stamp is another one after each change
-- of the password. password is the hash of it, empty for none; groups are names
-- separated by newlines. Times are Unix microseconds.
CREATE TABLE account(subject TEXTC NOT NULL PRIMARY KEY, incarnation TEXTC NOT NULL, stamp TEXTC NOT NULL, password TEXTC NOT NULL,
  member_of TEXTC NOT NULL, disabled BIGINT NOT NULL, created BIGINT NOT NULL, created_by TEXTC NOT NULL);

-- Tokens of accounts: the SHA-256 of the token, what it is limited to ("verbs
-- scope" a line, empty for no limit), until when it is good (0 is for ever),
-- and about when it was last used (0 is never).
CREATE TABLE account_token(id TEXTC NOT NULL PRIMARY KEY, digest BYTES NOT NULL, owner TEXTC NOT NULL, description TEXTC NOT NULL,
  scopes TEXTC NOT NULL, created BIGINT NOT NULL, created_by TEXTC NOT NULL, expires BIGINT NOT NULL, used BIGINT NOT NULL);
CREATE INDEX account_token_owner ON account_token(owner, id);
CREATE INDEX account_token_expires ON account_token(expires, id);

-- The generation of access in which accounts or tokens were last changed:
-- replicas look here whether they were.
CREATE TABLE account_generation(id BIGINT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL);
INSERT INTO account_generation(id,generation) VALUES(0,0);
