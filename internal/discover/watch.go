package discover

import (
	"context"

	"github.com/lading-dev/lading"
)

// Watch opens a stream of changes.
func (e *Engine) Watch(context.Context, lading.WatchQuery) (lading.Stream, error) {
	return nil, lading.ErrUnsupported
}
