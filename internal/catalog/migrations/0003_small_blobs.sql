-- The bytes of small blobs, under the blob's id: such a blob is pushed with
-- one durable write instead of three. Those that were stored before this
-- table was made stay in the blob store.

CREATE TABLE blob_content(blob BIGINT PRIMARY KEY, bytes BYTES NOT NULL);
