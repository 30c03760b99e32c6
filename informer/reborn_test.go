package informer_test

import (
	"context"
	"testing"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/informer"
)

// A repository that begins anew between two pages of a delta is told of by the
// stream that goes on from there: what was in its earlier life leaves the copy.
func TestBornAgain(t *testing.T) {
	for name, opt := range forms {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				opt.Query = lading.Query{Kind: lading.KindManifests, N: 1}
				opt.Store, opt.Sleep = &informer.Memory{}, hurry
				w.push("acme/again", "first life", "1")
				w.push("acme/other", "one", "1")
				stop := run(t, informer.New(w.reg, opt))
				w.current(opt.Store, lading.Query{Kind: lading.KindManifests})
				stop()
				w.push("acme/other", "two", "1")
				w.push("acme/other", "three", "1")
				if err := w.reg.DeleteRepository(t.Context(), "acme/again"); err != nil {
					t.Fatal(err)
				}
				born := false
				from := &betweenPages{Client: w.reg, then: func() {
					if !born {
						born = true
						w.push("acme/again", "second life", "2")
					}
				}}
				inf := informer.New(from, opt)
				run(t, inf)
				synced(t, inf)
				w.current(opt.Store, lading.Query{Kind: lading.KindManifests})
				if !born {
					t.Error("the delta had one page")
				}
			})
		})
	}
}

// betweenPages does something before each further page.
type betweenPages struct {
	*client.Client
	then func()
}

func (b *betweenPages) List(ctx context.Context, q lading.Query) (lading.Listing, error) {
	if q.Page != "" {
		b.then()
	}
	return b.Client.List(ctx, q)
}
