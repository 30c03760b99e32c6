// Sqlitecopy keeps a copy of what a registry lists in a SQLite file, always
// current, for whoever wants to ask questions in SQL:
//
//	sqlitecopy -kind tags -namespace acme reg.example copy.db &
//	sqlite3 copy.db "SELECT repository, tag FROM item WHERE type = 'helm'"
//
// It may be stopped and started at any time; it goes on where it was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/lading-dev/lading"
	"github.com/lading-dev/lading/client"
	"github.com/lading-dev/lading/examples/itemdb"
	"github.com/lading-dev/lading/informer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "sqlitecopy:", err)
		os.Exit(1)
	}
}

// run keeps the copy until ctx ends. It tells on out what changes, on problems
// what does not go well.
func run(ctx context.Context, args []string, out, problems io.Writer) error {
	flags := flag.NewFlagSet("sqlitecopy", flag.ContinueOnError)
	flags.SetOutput(problems)
	kind := flags.String("kind", "tags", "tags, manifests or repositories")
	namespace := flags.String("namespace", "", "only this repository and those below it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return errors.New("want a registry and a file")
	}
	reg, err := client.New(flags.Arg(0), client.Options{Credentials: client.DockerCredentials(), UserAgent: "sqlitecopy"})
	if err != nil {
		return err
	}
	db, err := itemdb.Open(ctx, flags.Arg(1), fmt.Sprintf("%s of %s below %q", *kind, reg.Address(), *namespace))
	if err != nil {
		return err
	}
	defer db.Close()
	return informer.New(reg, informer.Options{
		Query:    lading.Query{Kind: lading.Kind(*kind), Scope: lading.Scope{Namespace: *namespace}},
		Store:    db,
		OnAdd:    func(it lading.Item) { fmt.Fprintln(out, "added  ", it.Key, itemdb.Digest(it)) },
		OnUpdate: func(_, it lading.Item) { fmt.Fprintln(out, "updated", it.Key, itemdb.Digest(it)) },
		OnDelete: func(it lading.Item) { fmt.Fprintln(out, "deleted", it.Key) },
		OnError:  func(err error) { fmt.Fprintln(problems, "sqlitecopy: will try again:", err) },
	}).Run(ctx)
}
