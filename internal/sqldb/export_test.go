package sqldb

// Waiting returns the length of a shard's queue, so that a test can make a
// group of exactly the updates it wants.
func (db *DB) Waiting(shard int) int {
	c := db.committers[shard]
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue)
}
