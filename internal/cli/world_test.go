package cli_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/lading-dev/lading/internal/cli"
	"github.com/lading-dev/lading/internal/config"
	"github.com/lading-dev/lading/internal/server"
)

var update = flag.Bool("update", false, "write the golden files anew")

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// epoch is when content is pushed in these tests; what is asked is asked three
// days later.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func env() cli.Env {
	return cli.Env{
		Now:      func() time.Time { return epoch.Add(72 * time.Hour) },
		Terminal: func(any) bool { return false },
	}
}

// lading runs a command line as a process would, in an environment of its own.
func lading(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return ladingWith(t.Context(), env(), "", args...)
}

func ladingWith(ctx context.Context, e cli.Env, stdin string, args ...string) (code int, stdout, stderr string) {
	var out, log bytes.Buffer
	code = ladingTo(ctx, e, stdin, &out, &log, args...)
	return code, out.String(), log.String()
}

func ladingTo(ctx context.Context, e cli.Env, stdin string, out, log interface{ Write([]byte) (int, error) }, args ...string) int {
	root := &cobra.Command{Use: "lading", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(cli.Commands(e)...)
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(out)
	root.SetErr(log)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return cli.ExitDone
	}
	fmt.Fprintf(log, "lading: %v\n", err)
	var f *cli.Failure
	if errors.As(err, &f) {
		return f.ExitCode()
	}
	return cli.ExitUsage
}

// does runs a command that must end well.
func does(t *testing.T, args ...string) string {
	t.Helper()
	code, out, log := lading(t, args...)
	if code != cli.ExitDone {
		t.Fatalf("lading %s: %d\n%s%s", strings.Join(args, " "), code, out, log)
	}
	return out
}

// fails runs a command that must end with a code and with a text in what it
// tells.
func fails(t *testing.T, code int, want string, args ...string) {
	t.Helper()
	got, out, log := lading(t, args...)
	if got != code || !strings.Contains(log, want) {
		t.Errorf("lading %s: %d, want %d with %q\n%s%s", strings.Join(args, " "), got, code, want, out, log)
	}
}

// world is a registry of this project.
type world struct {
	t    *testing.T
	cfg  config.Config
	srv  *server.Server
	web  *httptest.Server
	mu   sync.Mutex
	time time.Time
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

// open starts a registry on SQLite, without credentials of the person who runs
// the test.
func open(t *testing.T) *world {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	w := &world{t: t, cfg: config.Default(), time: epoch}
	w.cfg.Data, w.cfg.Durability = t.TempDir(), config.Relaxed
	w.start()
	t.Cleanup(w.stop)
	return w
}

func (w *world) start() {
	w.t.Helper()
	var err error
	w.srv, err = server.NewWith(context.Background(), w.cfg, slog.New(slog.DiscardHandler), server.Options{NoSweep: true, Now: w.now})
	must(w.t, err)
	w.web = httptest.NewServer(w.srv.Handler())
}

func (w *world) stop() {
	w.srv.Drain()
	w.web.CloseClientConnections()
	w.web.Close()
	if err := w.srv.Close(context.Background()); err != nil {
		w.t.Error(err)
	}
}

func (w *world) host() string { return w.web.Listener.Addr().String() }

// peer starts another registry and returns its host.
func peer(t *testing.T, name string) string {
	t.Helper()
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	host := freeHost(t)
	_, port, _ := net.SplitHostPort(host)
	dir := t.TempDir()
	var args []string
	switch name {
	case "olareg":
		args = []string{"serve", "--addr", "127.0.0.1", "--port", port, "--dir", dir, "--api-delete"}
	case "registry":
		file := filepath.Join(dir, "config.yml")
		must(t, os.WriteFile(file, []byte("version: 0.1\nlog: {accesslog: {disabled: true}, level: error}\nstorage: {filesystem: {rootdirectory: "+dir+"}, delete: {enabled: true}}\nhttp: {addr: \""+host+"\"}\n"), 0o600))
		args = []string{"serve", file}
	}
	path, err := filepath.Abs(filepath.Join("../../.tools/bin", name))
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the registry %s is missing: run `make deps`", name)
	}
	cmd := exec.Command(path, args...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the log of %s:\n%s", name, &log)
		}
	})
	awaits(t, name+" answers", func() bool {
		res, err := http.Get("http://" + host + "/v2/")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return host
}

func freeHost(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// awaits waits until something holds.
func awaits(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("in vain: " + what)
		}
	}
}

var unsteady = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`("incarnation":)"[^"]*"`), `$1"I"`},
	{regexp.MustCompile(`("cursor":)"[^"]+"`), `$1"C"`},
	{regexp.MustCompile(`(?m)^(cursor: ).*$`), `${1}C`},
	{regexp.MustCompile(`--since [A-Za-z0-9._-]{40,}`), `--since C`},
	{regexp.MustCompile(`("rev":)\d+`), `${1}1`},
	{regexp.MustCompile(`(:00)\.\d+Z`), `${1}Z`},
}

// golden compares what commands print with a file in testdata.
func golden(t *testing.T, name string, commands [][]string) {
	t.Helper()
	var b strings.Builder
	for _, args := range commands {
		code, out, log := lading(t, args...)
		fmt.Fprintf(&b, "$ lading %s\n%s%s", strings.Join(args, " "), log, out)
		if code != 0 {
			fmt.Fprintf(&b, "[%d]\n", code)
		}
		b.WriteString("\n")
	}
	got := b.String()
	for _, u := range unsteady {
		got = u.re.ReplaceAllString(got, u.with)
	}
	file := filepath.Join("testdata", name+".txt")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs; go test ./internal/cli -update writes it anew. Now:\n%s", file, got)
	}
}
