// Scanner does something with every manifest of a registry: first with all
// that there are, then with each new one as soon as it is pushed, and with none
// twice, whenever it is stopped or killed:
//
//	scanner -namespace acme reg.example scans.db
//
// What is to be scanned is written in the transaction that moves the cursor on,
// so that nothing is missed. That it was scanned is written with the result, so
// that it is done again only if the scanner was killed while it was at it.
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
		fmt.Fprintln(os.Stderr, "scanner:", err)
		os.Exit(1)
	}
}

// run scans until ctx ends. It tells on out what was scanned, on problems what
// does not go well.
func run(ctx context.Context, args []string, out, problems io.Writer) error {
	flags := flag.NewFlagSet("scanner", flag.ContinueOnError)
	flags.SetOutput(problems)
	namespace := flags.String("namespace", "", "only this repository and those below it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return errors.New("want a registry and a file")
	}
	reg, err := client.New(flags.Arg(0), client.Options{Credentials: client.DockerCredentials(), UserAgent: "scanner"})
	if err != nil {
		return err
	}
	db, err := itemdb.Open(ctx, flags.Arg(1), fmt.Sprintf("manifests of %s below %q", reg.Address(), *namespace))
	if err != nil {
		return err
	}
	defer db.Close()
	q, err := newQueue(ctx, db)
	if err != nil {
		return err
	}
	inf := informer.New(reg, informer.Options{
		Query:    lading.Query{Kind: lading.KindManifests, Scope: lading.Scope{Namespace: *namespace}},
		Store:    db,
		OnAdd:    func(lading.Item) { q.wake() },
		OnUpdate: func(lading.Item, lading.Item) { q.wake() },
		OnError:  func(err error) { fmt.Fprintln(problems, "scanner: will try again:", err) },
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	followed := make(chan error, 1)
	go func() {
		followed <- inf.Run(ctx)
		cancel()
	}()
	err = q.work(ctx, reg, out)
	cancel()
	if f := <-followed; errors.Is(err, context.Canceled) {
		return f // which ended the work
	}
	return err
}
