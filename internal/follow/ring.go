package follow

// ring holds the newest rows. Rows have numbers that grow by one: first is the
// oldest that is held, next that of the row to come.
type ring struct {
	rows        []*Row // row n at n % len
	first, next uint64
	bytes       int
	// pos is up to where each shard was read, start up to where rows are not
	// held any more: a reader behind start must read by itself.
	pos, start []int64
	// seq is how many rows each shard had about then.
	seq []int64
}

// clear forgets all rows and begins at the positions.
func (g *ring) clear(pos []int64) {
	clear(g.rows)
	g.first, g.bytes = g.next, 0
	g.pos, g.start, g.seq = append([]int64(nil), pos...), append([]int64(nil), pos...), nil
}

// push adds a row and returns its number; the oldest make room.
func (g *ring) push(r *Row, rows, bytes int) uint64 {
	if len(g.rows) != rows {
		g.rows = make([]*Row, rows)
	}
	for g.first < g.next && (g.next-g.first >= uint64(rows) || g.bytes+r.size > bytes) {
		old := g.at(g.first)
		g.rows[g.first%uint64(len(g.rows))] = nil
		g.bytes -= old.size
		g.start[old.Shard] = old.Pos
		g.first++
	}
	n := g.next
	g.rows[n%uint64(len(g.rows))] = r
	g.bytes += r.size
	g.next++
	return n
}

func (g *ring) at(n uint64) *Row { return g.rows[n%uint64(len(g.rows))] }
