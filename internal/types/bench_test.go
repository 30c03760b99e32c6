package types

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/catalog"
	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
	"github.com/lading-dev/lading/internal/storetest/catalogtest"
)

// BenchmarkRetype types b.N stored manifests again, a half of which change,
// each with a tag, while one client pushes. It tells how long a push takes
// before the walk, during it and after it.
func BenchmarkRetype(b *testing.B) {
	ctx := context.Background()
	w := &world{World: catalogtest.Open(b, sqldb.Options{URL: sqldbtest.SQLite(b)}, catalog.Options{Now: time.Now}), dir: b.TempDir()}
	w.store = w.open()
	w.store.opt.Page = 200
	for i := range b.N {
		w.push(w.store, fmt.Sprintf("acme/r%d", i%100), fmt.Sprint(i), []string{widgetType, "other/other"}[i%2], fmt.Sprint("t", i))
	}
	pushes := func(d time.Duration, done <-chan error) (each time.Duration, err error) {
		n, began := 0, time.Now()
		for ; time.Since(began) < d; n++ {
			select {
			case err := <-done:
				return time.Since(began) / time.Duration(max(n, 1)), err
			default:
			}
			w.push(w.store, "acme/new", fmt.Sprint("new", began, n), "other/other", "latest")
		}
		return time.Since(began) / time.Duration(n), nil
	}
	quiet, _ := pushes(3*time.Second, nil)
	if _, err := w.store.PutDefinition(ctx, "widget", []byte(widget("widget"))); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	done := make(chan error, 1)
	go func() {
		done <- w.store.CatchUp(ctx, func(context.Context, string, []byte) ([]byte, error) { return []byte(`{"version":"1"}`), nil })
	}()
	busy, err := pushes(time.Hour, done)
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	after, _ := pushes(3*time.Second, nil)
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(quiet.Microseconds()), "µs/push-before")
	b.ReportMetric(float64(busy.Microseconds()), "µs/push-during")
	b.ReportMetric(float64(after.Microseconds()), "µs/push-after")
	b.ReportMetric(float64(m.HeapSys>>20), "MiB-heap")
}
