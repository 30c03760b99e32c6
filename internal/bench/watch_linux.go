package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading/internal/fsynclat"
)

// watchBench measures streams of changes: a registry in a process of its own,
// and in this one those who read and those who push.
type watchBench struct {
	p                                   *process
	binary, dir, catalog                string
	watchers, idle, stalled, rate       int
	seconds, settle, pairs, pairSeconds int

	pushed atomic.Int64
}

func watchCommand(_ context.Context, args []string) (err error) {
	fs := flag.NewFlagSet("watch", flag.ExitOnError)
	b := &watchBench{}
	fs.StringVar(&b.catalog, "url", "", "PostgreSQL `URL` of an empty database; SQLite if empty")
	fs.StringVar(&b.dir, "dir", "", "data `directory`, kept; a temporary one if empty")
	fs.StringVar(&b.binary, "binary", "", "the registry's `program`; built if empty")
	fs.IntVar(&b.watchers, "watchers", 1000, "streams that see every change")
	fs.IntVar(&b.rate, "rate", 50, "changes a second")
	fs.IntVar(&b.seconds, "seconds", 20, "how long to watch them")
	fs.IntVar(&b.idle, "idle", 10_000, "streams on which nothing happens, and which see a restart")
	fs.IntVar(&b.settle, "settle", 35, "seconds after which they are weighed again")
	fs.IntVar(&b.stalled, "stalled", 1000, "sockets that take nothing")
	fs.IntVar(&b.pairs, "pairs", 5, "measurements of pushes with, and without, them")
	fs.IntVar(&b.pairSeconds, "pairseconds", 6, "seconds for each")
	only := fs.String("only", "", "the `PART` to run alone: latency, idle, stalled or restart")
	fs.Parse(args)
	if err := allowFiles(uint64(b.idle+b.watchers+b.stalled) + 2000); err != nil {
		return err
	}
	// The swarm waits in the kernel, where Go takes it for working for a while:
	// with two processors those who push would have one.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp(".", "bench-data-"); err != nil {
			return err
		}
		defer os.RemoveAll(b.dir)
	}
	if b.dir, err = filepath.Abs(b.dir); err != nil {
		return err
	}
	if err := b.start("127.0.0.1:0"); err != nil {
		return err
	}
	defer func() { b.p.kill() }()
	latency, err := fsynclat.Median(b.dir, 200)
	if err != nil {
		return err
	}
	fmt.Printf("durability full, fsync of 4 KiB %v; the server %s at the start\n", latency, mib(b.p.memory()))
	for _, part := range []struct {
		name string
		run  func() error
	}{{"latency", b.latencies}, {"stalled", b.stalling}, {"idle", b.weigh}, {"restart", b.restart}} {
		if *only != "" && *only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func (b *watchBench) start(addr string) (err error) {
	if b.binary, err = built(b.binary, b.dir); err == nil {
		b.p, err = serveProcess(b.binary, b.dir, addr, b.catalog)
	}
	return err
}

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }

// push puts a manifest that was not there under a tag, which makes one change
// of a tag; of manifests it makes two where the tag was there.
func (b *watchBench) push() error { return b.pushWith("") }

// pushWith is push with a text that events of it repeat.
func (b *watchBench) pushWith(text string) error {
	n := b.pushed.Add(1)
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"org.example.number":"%d","org.example.text":%q}}`, n, text)
	req, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s/v2/acme/app%02d/manifests/v%d", b.p.base(), n%50, n%500), strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	_, _, err = do(req, http.StatusCreated)
	return err
}

// pushAt pushes so many times a second until the function it returns is called,
// which tells how many pushes there were, and how long they took.
func (b *watchBench) pushAt(rate int) (stop func() (times, error)) {
	quit, ended := make(chan struct{}), make(chan struct{})
	var took times
	var failed error
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for failed == nil {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			began := time.Now()
			failed = b.push()
			took = append(took, time.Since(began))
		}
	}()
	return func() (times, error) { close(quit); <-ended; slices.Sort(took); return took, failed }
}

// opened is a swarm all of whose streams are open.
func (b *watchBench) opened(n int, query string, stalls bool) (*swarm, error) {
	s, err := newSwarm(b.p.port(), n, query)
	if err != nil {
		return nil, err
	}
	for _, p := range s.peers {
		p.stalls = stalls
	}
	if err := s.run(2*time.Minute, func() bool { return s.running() == n }); err != nil {
		s.close()
		return nil, err
	}
	if got := s.running(); got != n {
		s.close()
		return nil, fmt.Errorf("%d of %d streams are open; the server says %q", got, n, s.lastWrong)
	}
	return s, nil
}

// latencies measures how late events are.
func (b *watchBench) latencies() error {
	for _, query := range []string{"?kinds=tag", ""} {
		if err := b.latency(query); err != nil {
			return err
		}
	}
	return nil
}

func (b *watchBench) latency(query string) error {
	s, err := b.opened(b.watchers, query, false)
	if err != nil {
		return err
	}
	defer s.close()
	before := pace()
	stop := b.pushAt(b.rate)
	if err := s.run(time.Duration(1+b.seconds/10)*time.Second, func() bool { return false }); err != nil {
		return err
	}
	s.forget()
	s.late = true
	s.delays = make(times, 0, b.watchers*b.rate*(b.seconds+1))
	server, own, began := b.p.cpu(), cpuOf("self"), time.Now()
	if err := s.run(time.Duration(b.seconds)*time.Second, func() bool { return false }); err != nil {
		return err
	}
	took := time.Since(began)
	server, own = b.p.cpu()-server, cpuOf("self")-own
	pushes, err := stop()
	if err != nil || len(s.delays) == 0 || s.wrong > 0 {
		return fmt.Errorf("%d events, %d errors (%s): %v", len(s.delays), s.wrong, s.lastWrong, err)
	}
	slices.Sort(s.delays)
	fmt.Printf("%d streams%s, %d pushes/s: %.0f events of tags/s; from an event's time, which is before its commit, to the reader p50 %s  p99 %s  max %s; PUT p50 %s  p99 %s; CPU of the server %.0f %%, of readers and pushers %.0f %%; the processors' pace %s before, %s after\n",
		b.watchers, query, b.rate, float64(s.events)/took.Seconds(), ms(s.delays.at(.5)), ms(s.delays.at(.99)), ms(s.delays.at(1)),
		ms(pushes.at(.5)), ms(pushes.at(.99)), 100*server.Seconds()/took.Seconds(), 100*own.Seconds()/took.Seconds(), ms(before), ms(pace()))
	return nil
}

// weigh measures the memory of streams on which nothing happens.
func (b *watchBench) weigh() error {
	before := b.p.memory()
	s, err := b.opened(b.idle, "?kinds=tag", false)
	if err != nil {
		return err
	}
	defer s.close()
	at := b.p.memory()
	each := func(m int64) float64 { return float64(m-before) / float64(b.idle) / 1024 }
	server, began := b.p.cpu(), time.Now()
	if err := s.run(time.Duration(b.settle)*time.Second, func() bool { return false }); err != nil {
		return err
	}
	later := b.p.memory()
	fmt.Printf("%d idle streams: %.1f KiB each when they are open, %.1f KiB after %d s (the server from %s to %s); CPU of the server meanwhile %.0f %%\n",
		b.idle, each(at), each(later), b.settle, mib(before), mib(later), 100*(b.p.cpu()-server).Seconds()/time.Since(began).Seconds())
	if s.running() != b.idle || s.wrong > 0 {
		return fmt.Errorf("%d of %d streams are left, %d errors (%s)", s.running(), b.idle, s.wrong, s.lastWrong)
	}
	return nil
}

// stalling measures pushes beside sockets that take nothing, and without them.
func (b *watchBench) stalling() error {
	var with, without, cpuWith, cpuWithout []float64
	var most int64
	first := b.p.memory()
	for range b.pairs {
		rate, cpu, err := b.pushRate()
		if err != nil {
			return err
		}
		without, cpuWithout = append(without, rate), append(cpuWithout, cpu)
		s, err := b.opened(b.stalled, "", true)
		if err != nil {
			return err
		}
		rate, cpu, mem, err := b.besideStalled(s)
		s.close()
		if err != nil {
			return err
		}
		with, cpuWith, most = append(with, rate), append(cpuWith, cpu), max(most, mem)
	}
	a, c := middle(without), middle(with)
	fmt.Printf("%d stalled streams: %.0f pushes/s with them, %.0f without (medians of %d in turn): %.1f %% slower; CPU of the server a push %.0f µs and %.0f µs; the server from %s to %s at most\n",
		b.stalled, c, a, b.pairs, 100*(a-c)/a, middle(cpuWith), middle(cpuWithout), mib(first), mib(most))
	return nil
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// pushRate pushes as fast as it goes. It returns the pushes a second, and what
// the server used of a processor for each, in microseconds.
func (b *watchBench) pushRate() (rate, cpu float64, err error) {
	used := b.p.cpu()
	var wg sync.WaitGroup
	errs := make([]error, 4)
	var n atomic.Int64
	began := time.Now()
	for i := range errs {
		wg.Go(func() {
			for time.Since(began) < time.Duration(b.pairSeconds)*time.Second && errs[i] == nil {
				errs[i] = b.push()
				n.Add(1)
			}
		})
	}
	wg.Wait()
	pushes := float64(n.Load())
	return pushes / time.Since(began).Seconds(), float64((b.p.cpu() - used).Microseconds()) / pushes, errors.Join(errs...)
}

// fillPushes are more than sockets take, the system's buffers on both sides
// with them: some 12 KB each.
const fillPushes = 250

// besideStalled fills the sockets first, so that what is measured is that they
// stand still and not that they are written to.
func (b *watchBench) besideStalled(s *swarm) (rate, cpu float64, most int64, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; i < fillPushes && err == nil; i++ {
			err = b.pushWith(strings.Repeat("x", 3900))
		}
		if err == nil {
			rate, cpu, err = b.pushRate()
		}
	}()
	ended := func() bool {
		select {
		case <-done:
			return true
		default:
			most = max(most, b.p.memory())
			return false
		}
	}
	if e := s.run(10*time.Minute, ended); e != nil {
		return 0, 0, 0, e
	}
	<-done
	return rate, cpu, most, err
}

// restart ends the server under many streams and starts it again: each comes
// back by itself, at a time of its own, and has missed nothing.
func (b *watchBench) restart() error {
	s, err := b.opened(b.idle, "?kinds=tag", false)
	if err != nil {
		return err
	}
	defer s.close()
	const changes = 20
	// Everyone needs a cursor to come back with.
	if err := b.push(); err != nil {
		return err
	}
	if err := s.run(time.Minute, func() bool { return s.behind(1) == 0 }); err != nil || s.behind(1) > 0 {
		return fmt.Errorf("%d streams were not told of a change: %v", s.behind(1), err)
	}
	s.forget()
	addr, stopped := b.p.addr, make(chan error, 1)
	var drained time.Duration
	go func() {
		var err error
		drained, err = b.p.terminate()
		stopped <- err
	}()
	var ended error
	if err := s.run(2*time.Minute, func() bool {
		select {
		case ended = <-stopped:
			return true
		default:
			return false
		}
	}); err != nil || ended != nil {
		return fmt.Errorf("stop: %w", errors.Join(err, ended))
	}
	down := time.Now()
	s.opens = nil
	if err := b.start(addr); err != nil {
		return err
	}
	up := time.Now()
	failed := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < changes && err == nil; i++ {
			err = b.push()
		}
		failed <- err
	}()
	if err := s.run(2*time.Minute, func() bool { return s.running() == b.idle && s.behind(changes) == 0 }); err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	if s.running() != b.idle || s.behind(changes) > 0 || s.wrong > 0 {
		return fmt.Errorf("%d of %d streams are back, %d have missed changes, %d errors (%s)", s.running(), b.idle, s.behind(changes), s.wrong, s.lastWrong)
	}
	var spread times
	for _, t := range s.opens {
		spread = append(spread, t.Sub(down))
	}
	slices.Sort(spread)
	fmt.Printf("restart under %d streams: stopped in %v, started in %v; back after p1 %s  p50 %s  p99 %s  max %s; %d changes missed by nobody, %d state items (a full listing would be %d), %d coalesced\n",
		b.idle, drained.Round(time.Millisecond), up.Sub(down).Round(time.Millisecond), ms(spread.at(.01)), ms(spread.at(.5)), ms(spread.at(.99)), ms(spread.at(1)),
		changes, s.states, b.idle*int(min(b.pushed.Load(), 500)), s.coalesced)
	if s.states > 0 {
		return fmt.Errorf("%d state items: a stream began anew", s.states)
	}
	return nil
}
