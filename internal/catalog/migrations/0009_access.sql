-- Who may do what, beside the rules of the configuration. verbs are names
-- separated by commas, so that verbs may be added.
CREATE TABLE access_rule(id TEXTC NOT NULL PRIMARY KEY, subject TEXTC NOT NULL, scope TEXTC NOT NULL, verbs TEXTC NOT NULL);

-- How often they have changed: replicas look here whether they did.
CREATE TABLE access_generation(id BIGINT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL);
INSERT INTO access_generation(id,generation) VALUES(0,0);

-- The record of every change, one a generation: when (Unix microseconds), by
-- whom, and the rule before and after, as "subject verbs scope", empty where
-- there was none.
CREATE TABLE access_change(generation BIGINT NOT NULL PRIMARY KEY, at BIGINT NOT NULL, actor TEXTC NOT NULL, id TEXTC NOT NULL, before TEXTC NOT NULL, after TEXTC NOT NULL);
