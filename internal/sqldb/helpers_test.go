package sqldb_test

import (
	"testing"

	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

func urls(testing.TB) map[string]func(testing.TB) string { return sqldbtest.URLs() }
