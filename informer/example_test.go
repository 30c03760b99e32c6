package informer_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/informer"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// exampleRegistry is a registry that has acme/web with the tag 1.0.
func exampleRegistry() (c *client.Client, stop func()) {
	dir, err := os.MkdirTemp("", "lading-example")
	if err != nil {
		log.Fatal(err)
	}
	cfg := config.Default()
	cfg.Data, cfg.Durability = dir, config.Relaxed
	srv, err := server.New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		log.Fatal(err)
	}
	web := httptest.NewServer(srv.Handler())
	if c, err = client.New(web.URL, client.Options{}); err != nil {
		log.Fatal(err)
	}
	examplePush(c, "acme/web:1.0")
	return c, func() {
		srv.Drain()
		web.Close()
		_ = srv.Close(context.Background())
		_ = os.RemoveAll(dir)
	}
}

func examplePush(c *client.Client, name string) {
	const mediaType = "application/vnd.oci.image.index.v1+json"
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"name":%q}}`, mediaType, name)
	repo, tag, _ := strings.Cut(name, ":")
	_, err := c.PutManifest(context.Background(), repo, lading.Manifest{MediaType: mediaType, Bytes: []byte(body)}, lading.PutOptions{Tags: []string{tag}})
	if err != nil {
		log.Fatal(err)
	}
}

// A copy of all tags below a namespace, in memory, and word of each change.
func Example() {
	c, stop := exampleRegistry()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	news := make(chan string)
	inf := informer.New(c, informer.Options{
		Query: lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "acme"}},
		OnAdd: func(it lading.Item) { news <- "added " + it.Key },
	})
	ended := make(chan error, 1)
	go func() { ended <- inf.Run(ctx) }()

	fmt.Println(<-news)
	if err := inf.WaitForSync(ctx); err != nil {
		log.Fatal(err)
	}
	examplePush(c, "acme/web:1.1")
	fmt.Println(<-news)
	for item, err := range informer.Select(ctx, inf.Store(), informer.Selection{Repository: "acme/web"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("has", item.Tag)
	}
	cancel()
	fmt.Println(<-ended)
	// Output:
	// added tag:acme/web:1.0
	// added tag:acme/web:1.1
	// has 1.0
	// has 1.1
	// context canceled
}
