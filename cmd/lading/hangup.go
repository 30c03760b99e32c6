package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/lading-dev/lading/internal/server"
)

// reloadOnHangup reads the definitions of artifact types anew on each SIGHUP,
// until end is called.
func reloadOnHangup(ctx context.Context, reg *server.Server, log *slog.Logger) (end func()) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangup {
			if err := reg.Reload(ctx); err != nil {
				log.Error("the definitions of types could not be read again", "error", err)
				continue
			}
			log.Info("the definitions of types were read again")
		}
	}()
	return func() {
		signal.Stop(hangup)
		close(hangup)
		<-done
	}
}
