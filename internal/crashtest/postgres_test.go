package crashtest

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// TestKillPostgres kills the registry over PostgreSQL.
func TestKillPostgres(t *testing.T) {
	lives(t, rounds(3, 40), func(t *testing.T, life int, total *totals) *crash {
		return newCrash(t, sqldbtest.Postgres(t), "full", seed(life), total)
	})
}

// TestTerminateBackends ends the server's sessions at random while the
// registry works, as an administrator or a fail-over does, and then kills the
// registry as well.
func TestTerminateBackends(t *testing.T) {
	ended := 0
	total := lives(t, rounds(3, 40), func(t *testing.T, life int, total *totals) *crash {
		url := sqldbtest.Postgres(t)
		c := newCrash(t, url, "full", seed(life), total)
		conn := connect(t, url)
		c.trouble = func(ctx context.Context) { ended += terminate(ctx, t, conn) }
		return c
	})
	t.Logf("%d sessions were ended", ended)
	if !t.Failed() && ended < total.rounds {
		t.Errorf("only %d sessions were ended in %d rounds", ended, total.rounds)
	}
}

// ownName tells the test's own sessions from the registry's.
const ownName = "crashtest"

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = ownName
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// terminate ends some of the other sessions of the database, again and again
// until ctx ends, and returns how many.
func terminate(ctx context.Context, t *testing.T, conn *pgx.Conn) int {
	n := 0
	for ctx.Err() == nil {
		var some int
		// The session is the test's own: it outlives the round.
		err := conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname=current_database() AND pid<>pg_backend_pid() AND random()<$1`, rand.Float64()/4).Scan(&some)
		if err != nil {
			t.Errorf("terminate: %v", err)
			return n
		}
		n += some
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(30+rand.IntN(200)) * time.Millisecond):
		}
	}
	return n
}

// awaitAlone waits until the sessions of a registry that was killed are gone:
// until then a commit that they had received can still happen.
func awaitAlone(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for {
		var others int
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname=current_database() AND pid<>pg_backend_pid()
			AND backend_type='client backend' AND application_name<>$1`, ownName).Scan(&others)
		if err != nil {
			t.Fatal(err)
		}
		if others == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
