-- Types of artifacts. The type of a manifest, of an item in the feed and of a
-- journal row is a word for two things at once: the short name, of the
-- definition that matched, and the media type. This table finds the words of
-- either; short is empty where no definition matched.
CREATE TABLE artifact_type(word BIGINT PRIMARY KEY, short TEXTC NOT NULL, media TEXTC NOT NULL);
CREATE INDEX artifact_type_short ON artifact_type(short, word);
CREATE INDEX artifact_type_media ON artifact_type(media, word);
INSERT INTO artifact_type(word,short,media) SELECT id,'',text FROM word WHERE id IN (SELECT type FROM manifest);

-- Fields out of the config that people are shown: a JSON object, or nothing.
ALTER TABLE manifest ADD COLUMN shown TEXTC;

-- Definitions that came through the API, as they were sent.
CREATE TABLE definition(name TEXTC NOT NULL PRIMARY KEY, body BYTES NOT NULL, at BIGINT NOT NULL);

-- What manifests are typed by. generation counts the changes; definitions says
-- what it stands for, walked what the stored manifests were last brought up to,
-- both as a JSON object of names and hashes.
CREATE TABLE typing(id BIGINT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL, definitions TEXTC NOT NULL, walked TEXTC NOT NULL);
INSERT INTO typing(id,generation,definitions,walked) VALUES(0,0,'{}','{}');

-- How far the walk that types what is stored again has come in each shard:
-- behind pos, up to ends.
CREATE TABLE typing_walk(shard BIGINT NOT NULL PRIMARY KEY, generation BIGINT NOT NULL, pos BIGINT NOT NULL, ends BIGINT NOT NULL);
