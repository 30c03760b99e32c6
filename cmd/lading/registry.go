package main

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

// registry is what serve needs of a running registry.
type registry interface {
	// Handler answers every request.
	Handler() http.Handler
	// Close waits for what goes on in the background and closes the stores.
	// No request may be in flight.
	Close(context.Context) error
}

func openRegistry(ctx context.Context, cfg config.Config, log *slog.Logger) (registry, error) {
	return server.New(ctx, cfg, log)
}
