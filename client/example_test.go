package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// exampleRegistry is a registry that has acme/web with the tags 1.0 and 1.1,
// and acme/api with 2.0.
func exampleRegistry() (address string, stop func()) {
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
	address = strings.TrimPrefix(web.URL, "http://")
	for _, name := range []string{"acme/web:1.0", "acme/web:1.1", "acme/api:2.0"} {
		exampleIndex(address, name)
	}
	return address, func() {
		srv.Drain()
		web.Close()
		_ = srv.Close(context.Background())
		_ = os.RemoveAll(dir)
	}
}

// A registry with a certificate of one's own authority, or that knows its
// callers by certificates.
func ExampleCertificates() {
	address := "reg.example.com:5000"
	way, err := client.Certificates{Directories: client.CertificateDirectories()}.Transport(address)
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.New(address, client.Options{Transport: way})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Address())
	// Output: https://reg.example.com:5000
}

// exampleIndex pushes an empty index that mentions its name.
func exampleIndex(address, name string) {
	c, err := client.New(address, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	const mediaType = "application/vnd.oci.image.index.v1+json"
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[],"annotations":{"name":%q}}`, mediaType, name)
	repo, tag, _ := strings.Cut(name, ":")
	_, err = c.PutManifest(context.Background(), repo, lading.Manifest{MediaType: mediaType, Bytes: []byte(body)}, lading.PutOptions{Tags: []string{tag}})
	if err != nil {
		log.Fatal(err)
	}
}

// All tags below a namespace, and later what has changed since.
func Example() {
	address, stop := exampleRegistry()
	defer stop()
	ctx := context.Background()

	c, err := client.New(address, client.Options{Credentials: client.DockerCredentials()})
	if err != nil {
		log.Fatal(err)
	}
	query := lading.Query{Kind: lading.KindTags, Scope: lading.Scope{Namespace: "acme"}}
	all := c.Stream(ctx, query)
	for item, err := range all.Items() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.Repository, item.Tag)
	}

	exampleIndex(address, "acme/web:1.2")

	query.Since = all.Cursor()
	changes := c.Stream(ctx, query)
	for item, err := range changes.Items() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(item.Op, item.Key)
	}
	// Output:
	// acme/api 2.0
	// acme/web 1.0
	// acme/web 1.1
	// put tag:acme/web:1.2
}

// A failure is the same on both ends of the wire, and how it looked on the wire
// is behind it.
func Example_errors() {
	address, stop := exampleRegistry()
	defer stop()

	c, err := client.New(address, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Manifest(context.Background(), "acme/web", lading.Reference{Tag: "9"})
	var answer *client.ResponseError
	fmt.Println(errors.Is(err, lading.ErrManifestUnknown), errors.As(err, &answer) && answer.Status == 404)
	// Output: true true
}

// A blob and a manifest that names it.
func ExampleClient_PutManifest() {
	address, stop := exampleRegistry()
	defer stop()
	ctx := context.Background()

	c, err := client.New(address, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	config := lading.Descriptor{MediaType: "application/vnd.oci.empty.v1+json", Digest: digest.FromString("{}"), Size: 2}
	if err := c.PushBlob(ctx, "acme/notes", config, strings.NewReader("{}")); err != nil {
		log.Fatal(err)
	}
	const mediaType = "application/vnd.oci.image.manifest.v1+json"
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"artifactType":"application/vnd.acme.note","config":{"mediaType":%q,"digest":%q,"size":2},"layers":[]}`,
		mediaType, config.MediaType, config.Digest)
	receipt, err := c.PutManifest(ctx, "acme/notes", lading.Manifest{MediaType: mediaType, Bytes: []byte(body)},
		lading.PutOptions{Tags: []string{"today"}, If: lading.Precondition{Absent: true}}) // never replaces another
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Tags, receipt.Descriptor.Digest == digest.FromString(body))
	// Output: [today] true
}

// What happens, as it happens.
func ExampleClient_Watch() {
	address, stop := exampleRegistry()
	defer stop()
	ctx := context.Background()

	c, err := client.New(address, client.Options{})
	if err != nil {
		log.Fatal(err)
	}
	stream, err := c.Watch(ctx, lading.WatchQuery{Kinds: []lading.Kind{lading.KindTags}})
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()

	exampleIndex(address, "acme/web:1.2")

	for {
		events, err := stream.Next(ctx)
		if err != nil {
			log.Fatal(err)
		}
		for _, e := range events {
			if e.Change != nil {
				fmt.Println(e.Name(), e.Change.Item.Key)
				return
			}
		}
	}
	// Output: tag.created tag:acme/web:1.2
}
