package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
	"github.com/lading-dev/lading/internal/telemetry"
)

// closeTime is how long closing the stores may take, after http.drain_time.
// With its default both are below the 10 seconds that container runtimes allow.
const closeTime = 3 * time.Second

func serveCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the registry",
		Long: `Serves the registry until SIGINT or SIGTERM: then no new request is taken,
those in flight may end, and the stores are closed. A second signal ends the
process at once; nothing that was acknowledged is lost.

Without a configuration file it serves on 127.0.0.1:5000 and keeps everything
in ./lading-data. The first line on standard output tells the address; the log
is on standard error.` + exitHelp,
		Example: `  lading serve
  lading serve --config /etc/lading.yaml
  lading serve --listen 127.0.0.1:0 --data /tmp/try   # any free port`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Load(file, overrides(cmd)...)
			if err != nil {
				return &failure{fmt.Errorf("the configuration is not usable:\n%w", err), exitUsage}
			}
			log := telemetry.NewLog(cfg.Log, cmd.ErrOrStderr())
			defer log.Close()
			stdout := cmd.OutOrStdout()
			if cfg.Audit.File == "-" {
				stdout = cmd.ErrOrStderr() // the other has records alone
			}
			if err := serve(cmd.Context(), cfg, log, stdout); err != nil {
				return &failure{fmt.Errorf("serve: %w", err), exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration `FILE` (see lading.example.yaml)")
	cmd.Flags().String("listen", "", "`ADDR` to serve on, host:port (default 127.0.0.1:5000)")
	cmd.Flags().String("data", "", "`DIR` that holds the registry (default ./lading-data)")
	cmd.Flags().Bool("insecure-no-auth", false, "allow an address that other machines can reach: everyone there may push and delete")
	cmd.Flags().Bool("behind-tls-proxy", false, "a proxy in front speaks TLS with the clients")
	return cmd
}

// overrides are the flags that were given and stand for keys of the file.
func overrides(cmd *cobra.Command) []config.Override {
	var given []config.Override
	for _, key := range []string{"listen", "data", "insecure_no_auth", "behind_tls_proxy"} {
		name := strings.ReplaceAll(key, "_", "-")
		if f := cmd.Flags().Lookup(name); f.Changed {
			given = append(given, config.Override{Place: "--" + name, Key: key, Value: f.Value.String()})
		}
	}
	return given
}

// gcPercent lets the heap grow to three times what is live before it is swept.
// What is live is some 10 MB, whatever the registry holds, so that costs
// little and saves a tenth of the processor on small requests.
const gcPercent = 200

// collectLess sets the garbage collector, unless GOGC says how.
func collectLess() {
	if _, told := os.LookupEnv("GOGC"); !told {
		debug.SetGCPercent(gcPercent)
	}
}

// serve runs a registry until ctx ends. It tells its address on stdout once
// requests are taken.
func serve(ctx context.Context, cfg config.Config, out *telemetry.Log, stdout io.Writer) error {
	log := out.Logger
	collectLess()
	ln, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	defer ln.Close()
	var opt server.Options
	if cfg.Log.Access {
		opt.Observer = out.Access()
	}
	reg, err := server.NewWith(ctx, cfg, log, opt)
	if err != nil {
		return err
	}
	err = serveRegistry(ctx, ln, reg, cfg, log, stdout)
	// ctx has ended by now: what is left to do has a time of its own.
	closeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if closeErr := reg.Close(closeCtx); closeErr != nil {
		err = errors.Join(err, fmt.Errorf("close the registry: %w", closeErr))
	}
	log.Info("stopped")
	return err
}

// serveRegistry takes requests, and those of operators, until ctx ends.
func serveRegistry(ctx context.Context, ln net.Listener, reg *server.Server, cfg config.Config, log *slog.Logger, stdout io.Writer) error {
	endAdmin, err := serveAdmin(ctx, cfg, reg.Admin(), log)
	if err != nil {
		return err
	}
	defer reloadOnHangup(ctx, reg, log)()
	defer endAdmin() // last: it tells that the rest is stopping
	tellTransport(cfg, ln.Addr(), log)
	if cfg.InsecureNoAuth && !cfg.Restricted() {
		log.Warn("callers are not authenticated: whoever reaches the address may push and delete", "addr", ln.Addr())
	}
	greet(stdout, ln.Addr(), cfg)
	notify("READY=1")
	context.AfterFunc(ctx, func() { notify("STOPPING=1"); reg.Drain() })
	return serveOn(ctx, ln, reg.Handler(), reg.TLS(), cfg.HTTP, log)
}

// greet writes the first line: where it is and what to try.
func greet(w io.Writer, addr net.Addr, cfg config.Config) {
	at, scheme := addr.String(), "http"
	if cfg.TLS.On() {
		scheme = "https"
	}
	if a, ok := addr.(*net.TCPAddr); ok && a.IP.IsUnspecified() {
		at = fmt.Sprintf("127.0.0.1:%d", a.Port)
	}
	fmt.Fprintf(w, "lading serves %[1]s://%[2]s (data in %[3]s, catalog %[4]s). Try: curl -i %[1]s://%[2]s/v2/_lading/list/repositories\n",
		scheme, at, cfg.Data, cfg.Catalog.Redacted())
}

// serveOn takes requests from ln until ctx ends and those in flight are
// answered, or the time to drain them is over: then they are cut.
func serveOn(ctx context.Context, ln net.Listener, h http.Handler, tls *tls.Config, cfg config.HTTP, log *slog.Logger) error {
	// Requests outlive ctx by the time to drain.
	requests, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var inFlight sync.WaitGroup
	srv := newServer(counted(h, &inFlight), cfg, log)
	srv.BaseContext = func(net.Listener) context.Context { return requests }
	ended := make(chan error, 1)
	go func() { ended <- serveTLS(srv, ln, tls) }()
	select {
	case err := <-ended:
		return fmt.Errorf("take connections: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping: requests in flight may end", "within", cfg.DrainTime)
	peace, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.DrainTime)
	defer cancel()
	err := srv.Shutdown(peace)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests in flight are cut; uploads can be resumed")
		cut()
		err = srv.Close()
		inFlight.Wait() // the stores are closed next
	}
	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// counted counts the requests that h is working on.
func counted(h http.Handler, inFlight *sync.WaitGroup) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inFlight.Add(1)
		defer inFlight.Done()
		h.ServeHTTP(w, r)
	})
}
