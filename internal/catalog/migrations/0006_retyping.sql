-- Manifests whose type, or shown fields, have changed and with so many tags
-- that those are told of in steps: in the order of their names, up to after by
-- now. pos is where the manifest was told of and was the type before: a tag that
-- changed last before pos is still in the lists, and to readers, what the
-- manifest was.
CREATE TABLE retyping(manifest BIGINT PRIMARY KEY, pos BIGINT NOT NULL, was BIGINT NOT NULL, after TEXTC NOT NULL);
