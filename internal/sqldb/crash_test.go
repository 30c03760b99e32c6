package sqldb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lading-dev/lading/internal/sqldb"
	"github.com/lading-dev/lading/internal/sqldb/sqldbtest"
)

// crashURL tells the test binary to be the process that is killed.
const crashURL = "SQLDB_TEST_CRASH_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(crashURL); url != "" {
		writeUntilKilled(url)
	}
	os.Exit(m.Run())
}

// writeUntilKilled prints each key when its update has returned.
func writeUntilKilled(url string) {
	db, err := sqldb.Open(context.Background(), sqldb.Options{URL: url, CheckpointPages: 30})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				k := fmt.Sprintf("%d-%d", w, i)
				err := db.Update(context.Background(), 0, func(tx *sqldb.Tx) error {
					insert(tx, k, 1)
					insert(tx, k+"-twin", 1)
					return nil
				})
				if err == nil {
					fmt.Println(k)
				}
			}
		}()
	}
	select {}
}

// A process that is killed in the middle of its writes has lost nothing that
// it acknowledged, and left no half of a transaction.
func TestKilledProcessKeepsWhatItAcknowledged(t *testing.T) {
	sqldbtest.EachURL(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		db := openWith(t, func(testing.TB) string { return url }, sqldb.Options{})
		wantErrors(t, []error{db.Close()}, nil)

		acknowledged := killAfter(t, url, 300)
		db = sqldbtest.Open(t, sqldb.Options{URL: url})
		have := keys(t, db.Read())
		for _, k := range acknowledged {
			if _, ok := slices.BinarySearch(have, k); !ok {
				t.Errorf("%s was acknowledged and is gone", k)
			}
		}
		for _, k := range have {
			if _, ok := slices.BinarySearch(have, strings.TrimSuffix(k, "-twin")+"-twin"); !ok {
				t.Errorf("%s has no twin", k)
			}
		}
	})
}

// killAfter runs this test's binary as the writer, kills it after n keys, and
// returns all keys it has printed.
func killAfter(t *testing.T, url string, n int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashURL+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		list = append(list, lines.Text())
		if len(list) == n {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
	if len(list) < n {
		t.Fatalf("the process ended by itself after %d keys", len(list))
	}
	return list
}
