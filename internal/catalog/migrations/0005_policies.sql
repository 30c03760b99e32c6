-- Policies on types of artifacts, as they were sent. A change of one is a
-- generation of typing: what a push is decided by is compared there.
CREATE TABLE policy(id TEXTC NOT NULL PRIMARY KEY, body BYTES NOT NULL);
