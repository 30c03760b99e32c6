package catalog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// TestPolicyWaits: a policy that was acknowledged is in force for every push
// that is acknowledged after it. A push in another shard, which has compared
// the generation already, is waited for.
func TestPolicyWaits(t *testing.T) {
	ctx := context.Background()
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		entered, release := make(chan struct{}), make(chan struct{})
		rule := func(*sqldb.Tx, catalog.Change) error {
			close(entered)
			<-release
			return nil
		}
		w := catalogtest.Open(t, sqldb.Options{URL: fresh(t), Relaxed: true, Shards: 4}, catalog.Options{Rules: []catalog.Rule{rule}})
		repo := "a"
		for i := 0; w.DB.Shards() > 1 && w.Cat.Shard(repo) != 3; i++ {
			repo = fmt.Sprint("a", i)
		}
		var put sync.WaitGroup
		put.Go(func() {
			if err := w.Cat.PutManifest(ctx, repo, catalogtest.Spec{Name: "m"}.Manifest(), nil, "ada"); err != nil {
				t.Error(err)
			}
		})
		<-entered
		typing, err := w.Cat.Typing(ctx)
		w.Must(err)
		done := make(chan error, 1)
		go func() {
			_, err := w.Cat.ChangePolicy(ctx, typing.Generation, catalog.Policy{ID: "p", Body: []byte("{}")})
			done <- err
		}()
		select {
		case err := <-done:
			t.Errorf("the policy was acknowledged (%v) while a push under the old one was on its way", err)
			done <- nil
		case <-time.After(300 * time.Millisecond):
		}
		close(release)
		put.Wait()
		w.Must(<-done)
	})
}
