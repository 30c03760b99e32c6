// Package informer keeps a local copy of a part of a registry, always current:
// it lists once, asks what has changed since, then follows the stream of
// changes, or asks again and again where a registry has no streams. The copy
// and the cursor that belongs to it are saved in one step, so a program that
// is stopped goes on where it was, and nothing is missed in between.
//
//	inf := informer.New(c, informer.Options{
//		Query: lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "acme"}},
//		OnAdd: func(it lading.Item) { fmt.Println("new:", it.Key) },
//	})
//	go inf.Run(ctx)
//	if err := inf.WaitForSync(ctx); err != nil { … }
//
// It works over any lading.Lister, and with streams over one that is a
// lading.Watcher too: a client of a registry far away, or the registry in the
// same process. It does no I/O of its own.
package informer
