package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lading-dev/lading/internal/blob"
	"github.com/lading-dev/lading/internal/core"
	"github.com/lading-dev/lading/internal/guard"
	"github.com/lading-dev/lading/internal/types"
)

// retypeCommand changes a definition so that every manifest of a registry
// changes its type, and measures how fast that goes, in how much memory, and
// what it costs those who push meanwhile.
func retypeCommand(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("retype", flag.ExitOnError)
	var t target
	t.flags(fs)
	t.noTyping = true
	n := fs.Int("n", 100_000, "manifests")
	times := fs.Int("multiply", 1, "type `times` n manifests (SQLite; made in place)")
	rounds := fs.Int("rounds", 5, "rounds of pushes with the walk and without")
	window := fs.Duration("window", 3*time.Second, "how long a round pushes with the walk, and how long without")
	alone := fs.Duration("alone", 10*time.Second, "how long the walk is left alone between rounds")
	fs.Parse(args)
	r, err := t.start(ctx, guard.Open{})
	if err != nil {
		return err
	}
	b := &retypeBench{running: r, target: t, window: *window, alone: *alone}
	defer func() { b.stop(ctx) }()
	if have := r.seeded(ctx); have < *n {
		if err := r.seed(ctx, have, *n, *n); err != nil {
			return err
		}
		if *times > 1 {
			if err := r.multiply(ctx, *times); err != nil {
				return err
			}
		}
	}
	return b.run(ctx, *rounds)
}

type retypeBench struct {
	*running
	target        target
	window, alone time.Duration
	pushed        atomic.Int64
	peak          atomic.Int64 // RSS in KiB while it walks
	walked        time.Duration
	share         float64 // of manifests among what is told of: the others are tags
	told          float64 // manifests, while the walk was alone
}

func (b *retypeBench) run(ctx context.Context, rounds int) error {
	for i := range pushRepos {
		if err := b.pushBlobs(ctx, pushRepo(i)); err != nil {
			return err
		}
	}
	for _, name := range []string{"warm", "before"} {
		if err := b.quiet(name, rounds); err != nil {
			return err
		}
	}
	// What is seeded was never typed: with a definition for what is left, all
	// of it changes.
	if err := b.define(ctx, "bench-rare", rareConfig); err != nil {
		return err
	}
	var manifests, tags int64
	if err := b.Catalog().DB().Read().QueryRow(ctx, `SELECT CAST(SUM(manifests) AS BIGINT),CAST(SUM(tags) AS BIGINT) FROM repository`).Scan(&manifests, &tags); err != nil {
		return err
	}
	b.share = float64(manifests) / float64(manifests+tags)
	debug.FreeOSMemory()
	fmt.Printf("%d manifests to type again, RSS %s\n", b.seeded(ctx), rss())
	w := b.walk(ctx)
	var with, without, ratios []float64
	for i := 0; i < rounds && !w.ended(); i++ {
		if err := b.alongside(ctx, w); err != nil {
			return err
		}
		if i == rounds/2 {
			var err error
			if w, err = b.restart(ctx, w); err != nil {
				return err
			}
		}
		if w.ended() {
			break
		}
		on, off, err := b.round(ctx, &w, i%2 == 0)
		if err != nil {
			return err
		}
		with, without, ratios = append(with, on), append(without, off), append(ratios, on/off)
	}
	if err := b.finish(ctx, w); err != nil {
		return err
	}
	if len(ratios) > 0 {
		fmt.Printf("pushes, medians of %d rounds: %.0f/s during the walk, %.0f/s between, ratio %.3f (%.3f to %.3f)\n", len(ratios), median(with), median(without),
			median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	if err := b.quiet("after", rounds); err != nil {
		return err
	}
	return b.unchanged(ctx)
}

// walking is a walk that goes on in the background.
type walking struct {
	stop context.CancelFunc
	done chan struct{}
	err  error // once done
}

func (b *retypeBench) walk(ctx context.Context) *walking {
	ctx, stop := context.WithCancel(ctx)
	w := &walking{stop: stop, done: make(chan struct{})}
	configs := core.New(b.Catalog(), blob.NewMemory(), nil, core.Options{}).Config
	go func(s *types.Store) {
		defer close(w.done)
		w.err = s.CatchUp(ctx, configs)
	}(b.Types())
	return w
}

func (w *walking) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// pause stops a walk where it is. It has ended if it returns false.
func (w *walking) pause() (bool, error) {
	w.stop()
	<-w.done
	if errors.Is(w.err, context.Canceled) {
		return true, nil
	}
	return false, w.err
}

// alongside leaves the walk alone for a while and counts what it does.
func (b *retypeBench) alongside(ctx context.Context, w *walking) error {
	from, err := b.rows(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < b.alone && !w.ended() {
		select {
		case <-w.done:
		case <-tick.C:
			b.peak.Store(max(b.peak.Load(), kib(rss())))
		}
	}
	took := time.Since(began)
	to, err := b.rows(ctx)
	if err != nil {
		return err
	}
	b.walked, b.told = b.walked+took, b.told+float64(to-from)*b.share
	fmt.Printf("alone: %.0f manifests/s, RSS %s\n", float64(to-from)*b.share/took.Seconds(), rss())
	return nil
}

// rows is how many rows the journal has.
func (b *retypeBench) rows(ctx context.Context) (n int64, err error) {
	err = b.Catalog().DB().Read().QueryRow(ctx, `SELECT CAST(SUM(seq) AS BIGINT) FROM head`).Scan(&n)
	return n, err
}

// retyped is how many manifests the walk has told of: what is put is created,
// and no tag moves.
func (b *retypeBench) retyped(ctx context.Context) (n int64, err error) {
	q := b.Catalog().DB().Read()
	err = q.QueryRow(ctx, `SELECT COUNT(*) FROM journal WHERE kind=2 AND action=2`).Scan(&n)
	return n, err
}

// round pushes with the walk and without it, in either order.
func (b *retypeBench) round(ctx context.Context, w **walking, walkFirst bool) (on, off float64, err error) {
	pause := func() error {
		_, err := (*w).pause()
		return err
	}
	if !walkFirst {
		if err := pause(); err != nil {
			return 0, 0, err
		}
		if off, err = b.push(); err != nil {
			return 0, 0, err
		}
		*w = b.walk(ctx)
	}
	if on, err = b.push(); err != nil || !walkFirst {
		fmt.Printf("pushes: %.0f/s without the walk, then %.0f/s with it, RSS %s\n", off, on, rss())
		return on, off, err
	}
	if err := pause(); err != nil {
		return 0, 0, err
	}
	off, err = b.push()
	fmt.Printf("pushes: %.0f/s with the walk, then %.0f/s without it, RSS %s\n", on, off, rss())
	*w = b.walk(ctx)
	return on, off, err
}

// restart stops the registry in the middle and opens it again.
func (b *retypeBench) restart(ctx context.Context, w *walking) (*walking, error) {
	if _, err := w.pause(); err != nil {
		return nil, err
	}
	before, err := b.retyped(ctx)
	if err != nil {
		return nil, err
	}
	temp := b.temp
	b.temp = false
	b.stop(ctx)
	t := b.target
	t.dir, t.profile = b.dir, ""
	if b.running, err = t.start(ctx, guard.Open{}); err != nil {
		return nil, err
	}
	b.temp = temp
	after, err := b.retyped(ctx)
	fmt.Printf("restarted after %d manifests, goes on after %d\n", before, after)
	return b.walk(ctx), err
}

func (b *retypeBench) finish(ctx context.Context, w *walking) error {
	b.alone = time.Hour
	if err := b.alongside(ctx, w); err != nil {
		return err
	}
	if w.err != nil {
		return w.err
	}
	total, err := b.retyped(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d manifests have changed; alone %.0f/s, RSS at most %d MiB\n", total, b.told/b.walked.Seconds(), b.peak.Load()>>10)
	return nil
}

// unchanged has every manifest looked at for a definition that none matches.
func (b *retypeBench) unchanged(ctx context.Context) error {
	if err := b.define(ctx, "bench-nobody", "application/vnd.example.nobody"); err != nil {
		return err
	}
	from, err := b.rows(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	w := b.walk(ctx)
	<-w.done
	took := time.Since(began)
	to, err := b.rows(ctx)
	n := b.seeded(ctx)
	fmt.Printf("%d manifests looked at, %d rows told: %v, %.0f/s\n", n, to-from, took.Round(time.Millisecond), float64(n)/took.Seconds())
	return errors.Join(w.err, err)
}

func (b *retypeBench) define(ctx context.Context, name, config string) error {
	_, err := b.Types().PutDefinition(ctx, name, fmt.Appendf(nil, `{"name": %q, "match": [{"config": %q}]}`, name, config))
	return err
}

// quiet pushes while nothing else goes on.
func (b *retypeBench) quiet(label string, rounds int) error {
	var all []float64
	for range (rounds + 1) / 2 {
		n, err := b.push()
		if err != nil {
			return err
		}
		all = append(all, n)
	}
	if len(all) > 0 {
		fmt.Printf("pushes %s: %.0f/s, median of %d\n", label, median(all), len(all))
	}
	return nil
}

const pushRepos = 40

func pushRepo(i int) string { return fmt.Sprintf("push/team%02d", i%pushRepos) }

// push has 8 callers push manifests of small images with a new tag, for a
// window, and returns how many a second it were.
func (b *retypeBench) push() (float64, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		n     atomic.Int64
	)
	began := time.Now()
	for range 8 {
		wg.Go(func() {
			for time.Since(began) < b.window {
				i := int(b.pushed.Add(1))
				if err := b.put(pushRepo(i), fmt.Sprintf("p%d", i), payload(i, 7)); err != nil {
					mu.Lock()
					first = err
					mu.Unlock()
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	b.peak.Store(max(b.peak.Load(), kib(rss())))
	return float64(n.Load()) / time.Since(began).Seconds(), first
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// kib reads what rss returns.
func kib(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
