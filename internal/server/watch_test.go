package server

import (
	"log/slog"
	"net/http"
	"reflect"
	"testing"

	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/sqldb"
)

// TestNobodyLooksOn: what is not asked for is not in the way of a request.
func TestNobodyLooksOn(t *testing.T) {
	w := newWatch(config.Default(), slog.New(slog.DiscardHandler), Options{})
	next := http.NotFoundHandler()
	if reflect.ValueOf(w.handler(next)).Pointer() != reflect.ValueOf(next).Pointer() {
		t.Error("there is a handler around the API's")
	}
	if o := w.observer(); o != nil {
		t.Errorf("requests are told to %T", o)
	}
	var db sqldb.Options
	if w.database(&db); db.Updating != nil {
		t.Error("updates are told to somebody")
	}
	s := &Server{}
	if w.stores(s, nil); s.blobs != nil {
		t.Error("the blob store is wrapped")
	}
	if err := w.close(t.Context()); err != nil {
		t.Error(err)
	}
}
