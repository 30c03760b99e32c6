package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a registry in a process of its own, as people run it.
type process struct {
	cmd  *exec.Cmd
	dir  string // of its data and configuration
	addr string // 127.0.0.1:port
	log  *os.File
}

// built builds the binary, unless one is named.
func built(binary, dir string) (string, error) {
	if binary != "" {
		return binary, nil
	}
	binary = filepath.Join(dir, "lading")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/lading-dev/lading/cmd/lading")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the registry: %w\n%s", err, out)
	}
	return binary, nil
}

// serveProcess starts a registry on addr, port 0 for any, with its data in dir.
func serveProcess(binary, dir, addr, catalog string) (*process, error) {
	config := fmt.Sprintf("listen: %s\ndata: %s\nlog: {access: false}\nlimits: {connections: 100000, streams: 100000}\n", addr, filepath.Join(dir, "data"))
	if catalog != "" {
		config += fmt.Sprintf("catalog: {url: %q}\n", catalog)
	}
	file := filepath.Join(dir, "lading.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(binary, "serve", "--config", file), dir: dir, log: log}
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the registry: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	m := regexp.MustCompile(`http://(\S+:\d+) `).FindStringSubmatch(line)
	if err != nil || m == nil {
		p.kill()
		told, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("the registry did not start: %v\n%s", err, told)
	}
	p.addr = m[1]
	return p, nil
}

func (p *process) base() string { return "http://" + p.addr }

func (p *process) port() int {
	_, port, _ := net.SplitHostPort(p.addr)
	n, _ := strconv.Atoi(port)
	return n
}

// terminate asks the process to end and returns how long it took.
func (p *process) terminate() (time.Duration, error) {
	began := time.Now()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	err := p.cmd.Wait()
	return time.Since(began), errors.Join(err, p.log.Close())
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.log.Close()
}

// memory is the resident memory of the process, in bytes.
func (p *process) memory() int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// cpu is the processor time that the process has used.
func (p *process) cpu() time.Duration { return cpuOf(strconv.Itoa(p.cmd.Process.Pid)) }

// cpuOf is the processor time of a process, "self" for this one.
func cpuOf(pid string) time.Duration {
	raw, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	// What follows the name, which may hold anything, are fields from the third on.
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // a tick of USER_HZ
}

// allowFiles lets this process, and those that it starts, open so many files.
func allowFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if limit.Cur >= n && limit.Max >= n {
		return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) // said outright, children have it too
	}
	limit.Cur, limit.Max = n, max(n, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("%d open files: %w (raise ulimit -n)", n, err)
	}
	return nil
}
