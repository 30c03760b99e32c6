// Command bench measures a registry on this machine: how fast manifests are
// put, how fast what is there is listed, and how late streams of changes are.
// It runs the registry in its own process, but for streams, over HTTP on the
// loopback, with full durability, and prints the disk's fsync latency beside
// the figures, without which they say little.
//
//	go run ./internal/bench put [-url postgres://…] [-tags 100000]
//	go run ./internal/bench discovery [-url postgres://…] [-sizes 10000,100000,1000000]
//	go run ./internal/bench access [-repositories 20000] [-multiply 50]
//	go run ./internal/bench watch [-url postgres://…]
//	go run ./internal/bench retype [-url postgres://…] [-n 100000] [-multiply 10]
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"time"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/fsynclat"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/server"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	ctx := context.Background()
	var err error
	switch os.Args[1] {
	case "put":
		err = putCommand(ctx, os.Args[2:])
	case "access":
		err = accessCommand(ctx, os.Args[2:])
	case "watch":
		err = watchCommand(ctx, os.Args[2:])
	case "retype":
		err = retypeCommand(ctx, os.Args[2:])
	case "discovery":
		err = discoveryCommand(ctx, os.Args[2:])
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: bench put|discovery|access|watch|retype [flags]; -h tells them")
	os.Exit(2)
}

// target is where to measure: the flags that both commands have.
type target struct {
	url, dir string
	relaxed  bool
	profile  string
	noTyping bool // the command types again what is stored itself
	change   func(*config.Config)
}

func (t *target) flags(fs *flag.FlagSet) {
	fs.StringVar(&t.url, "url", "", "PostgreSQL `URL` of an empty database; SQLite if empty")
	fs.StringVar(&t.dir, "dir", "", "data `directory`, kept; a temporary one if empty")
	fs.StringVar(&t.profile, "cpuprofile", "", "write a CPU profile to `FILE`")
	fs.BoolVar(&t.relaxed, "relaxed", false, "durability: relaxed")
}

// running is a registry in this process.
type running struct {
	*server.Server
	base string
	http *http.Server
	dir  string
	temp bool
}

func (t *target) start(ctx context.Context, access guard.Access) (*running, error) {
	r := &running{dir: t.dir}
	if t.profile != "" {
		f, err := os.Create(t.profile)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, err
		}
	}
	if r.dir == "" {
		dir, err := os.MkdirTemp(".", "bench-data-")
		if err != nil {
			return nil, err
		}
		r.dir, r.temp = dir, true
	}
	cfg := config.Default()
	cfg.Data, cfg.Catalog.URL = r.dir, t.url
	cfg.Limits.Rates = config.Rates{} // few callers ask for more than any may
	if t.relaxed {
		cfg.Durability = config.Relaxed
	}
	if t.change != nil {
		t.change(&cfg)
	}
	began := time.Now()
	srv, err := server.NewWith(ctx, cfg, slog.New(slog.DiscardHandler), server.Options{Access: access, NoTyping: t.noTyping})
	if err != nil {
		return nil, err
	}
	r.Server = srv
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r.base, r.http = "http://"+ln.Addr().String(), &http.Server{Handler: srv.Handler()}
	go r.http.Serve(ln)
	latency, err := fsynclat.Median(r.dir, 200)
	if err != nil {
		return nil, err
	}
	fmt.Printf("%s, durability %s, fsync of 4 KiB %v, the processors' pace %s, opened in %v\n", srv.Catalog().DB().Dialect(), cfg.Durability, latency, ms(pace()), time.Since(began).Round(time.Millisecond))
	return r, nil
}

func (r *running) stop(ctx context.Context) {
	pprof.StopCPUProfile()
	r.http.Close()
	r.Close(ctx)
	if r.temp {
		os.RemoveAll(r.dir)
	}
}
