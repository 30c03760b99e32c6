package sqldb_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lading-dev/lading/internal/sqldb"
)

// TestPoll tells of errors once for those in a row, and not of that by which
// the end shows.
func TestPoll(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	come := []error{nil, a, b, nil, nil, c, c, nil, errors.New("at the end")}
	var told []error
	n := 0
	sqldb.Poll(ctx, time.Microsecond, func(err error) { told = append(told, err) }, func(context.Context) error {
		if n++; n == len(come) {
			cancel()
		}
		return come[n-1]
	})
	if want := []error{a, c}; n != len(come) || !slices.Equal(told, want) {
		t.Errorf("%d calls, told %v, want %v", n, told, want)
	}
}
