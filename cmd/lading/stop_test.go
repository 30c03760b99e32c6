package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

// asLading makes the test's own program run as lading, so that signals meet a
// process of its own.
const asLading = "LADING_TEST_RUN_AS_LADING"

func TestMain(m *testing.M) {
	if os.Getenv(asLading) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a `lading serve` that is a process.
type process struct {
	cmd  *exec.Cmd
	addr string
	log  *bytes.Buffer
}

func startProcess(t *testing.T, dir, drain string) *process {
	t.Helper()
	file := filepath.Join(dir, "lading.yaml")
	write(t, file, "listen: 127.0.0.1:0\ndata: "+filepath.Join(dir, "data")+"\nhttp: {drain_time: "+drain+"}\n")
	p := &process{cmd: exec.Command(os.Args[0], "serve", "--config", file), log: new(bytes.Buffer)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), asLading+"=1"), p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	_, rest, ok := strings.Cut(line, "http://")
	if err != nil || !ok {
		_ = p.cmd.Wait()
		t.Fatalf("first line %q: %v\n%s", line, err, p.log)
	}
	p.addr, _, _ = strings.Cut(rest, " ")
	return p
}

// end waits for the end that SIGTERM has begun, which must be a good one.
func (p *process) end(t *testing.T) {
	t.Helper()
	force := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer force.Stop()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.log)
	}
}

func (p *process) term(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// do sends a whole request and returns the answer with its body.
func (p *process) do(t *testing.T, method, path, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// begin sends a request's header and a part of its body.
func (p *process) begin(t *testing.T, method, path string, length int, part string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", method, path, length, part)
	return c
}

// received waits until an upload has so many bytes on the disk.
func received(t *testing.T, dir string, n int64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var most int64
		_ = filepath.WalkDir(filepath.Join(dir, "data", "uploads"), func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if i, err := d.Info(); err == nil {
					most = max(most, i.Size())
				}
			}
			return nil
		})
		if most >= n {
			return
		}
	}
	t.Fatalf("no upload has %d bytes after 20 seconds", n)
}

const chunk = 1 << 20

var content = strings.Repeat("0123456789abcdef", 3*chunk/16)

// TestTermDuringAnUpload stops the server while a body arrives, of a chunk or
// of the closing PUT, and goes on with the next server where the first one
// says that it was.
func TestTermDuringAnUpload(t *testing.T) {
	d := digest.FromString(content).String()
	for _, method := range []string{"PATCH", "PUT"} {
		t.Run(method, func(t *testing.T) {
			dir := t.TempDir()
			p := startProcess(t, dir, "200ms")
			resp, _ := p.do(t, "POST", "/v2/acme/web/blobs/uploads/", "")
			at := resp.Header.Get("Location")
			path := at
			if method == "PUT" {
				path += "?digest=" + d
			}
			p.begin(t, method, path, len(content), content[:2*chunk])
			received(t, dir, 2*chunk)
			p.term(t)
			p.end(t)
			if !strings.Contains(p.log.String(), "requests in flight are cut") {
				t.Errorf("the log does not tell it:\n%s", p.log)
			}

			p = startProcess(t, dir, "6s")
			resp, _ = p.do(t, "GET", at, "")
			if got := resp.Header.Get("Range"); resp.StatusCode != 204 || got != fmt.Sprintf("0-%d", 2*chunk-1) {
				t.Fatalf("the upload stands at %q (%d)", got, resp.StatusCode)
			}
			if resp, body := p.do(t, "PUT", at+"?digest="+d, content[2*chunk:]); resp.StatusCode != 201 {
				t.Fatalf("%d %s", resp.StatusCode, body)
			}
			if _, body := p.do(t, "GET", "/v2/acme/web/blobs/"+d, ""); body != content {
				t.Error("the blob is not what was sent")
			}
			p.term(t)
			p.end(t)
		})
	}
}

// TestTermLetsAnUploadEnd stops the server while a body arrives: it has time to
// arrive, is acknowledged, and is there afterwards.
func TestTermLetsAnUploadEnd(t *testing.T) {
	d := digest.FromString(content).String()
	dir := t.TempDir()
	p := startProcess(t, dir, "20s")
	c := p.begin(t, "POST", "/v2/acme/web/blobs/uploads/?digest="+d, len(content), content[:chunk])
	received(t, dir, chunk)
	p.term(t)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		probe, err := net.Dial("tcp", p.addr)
		if err != nil {
			break // it takes nobody any more
		}
		probe.Close()
		if time.Now().After(deadline) {
			t.Fatal("it goes on taking connections")
		}
	}
	fmt.Fprint(c, content[chunk:])
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, " 201 ") {
		t.Errorf("%q, %v", line, err)
	}
	p.end(t)
	p = startProcess(t, dir, "6s")
	if resp, body := p.do(t, "GET", "/v2/acme/web/blobs/"+d, ""); resp.StatusCode != 200 || body != content {
		t.Errorf("%d, %d bytes", resp.StatusCode, len(body))
	}
	p.term(t)
	p.end(t)
}
