package server

import (
	"context"
	"time"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/internal/journal"
	"github.com/lading-dev/lading/internal/sqldb"
)

// Engine is the registry without its guard, for commands that work on what a
// configuration names while nobody is served. Its caller decides who may do
// what.
func (s *Server) Engine() lading.Registry { return s.core }

// Newest returns a function that tells, of a repository's name, when the last
// of the changes was made that share an order with its own: what is put next
// can have no time before that. It goes by what is there now.
func (s *Server) Newest(ctx context.Context) (func(repo string) time.Time, error) {
	var heads []journal.Head
	err := s.db.View(ctx, func(q sqldb.Querier) (err error) {
		heads, _, err = s.cat.Journal().Heads(ctx, q)
		return err
	})
	return func(repo string) time.Time { return journal.Time(heads[s.cat.Shard(repo)].Pos) }, err
}
